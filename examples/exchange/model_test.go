package exchange

import "slices"

// model is the exchange again, as simple as can be: what the vats answer is
// compared with it, order by order.
type model struct {
	book                          []resting
	numbers                       map[string][]int // each trader's orders
	orders, trades, cancellations int
}

type resting struct {
	number              int
	trader, side, asset string
	quantity, price     int
}

// better reports whether a is matched before b, both being of one side.
func better(a, b resting) bool {
	if a.price != b.price {
		return (a.side == "buy") == (a.price > b.price)
	}
	return a.number < b.number
}

// order answers like the trader's method.
func (m *model) order(trader, side, asset string, quantity, price int) map[string]any {
	m.orders++
	o := resting{number: m.orders, trader: trader, side: side, asset: asset, quantity: quantity, price: price}
	for o.quantity > 0 {
		best := -1
		for i, r := range m.book {
			if r.asset != asset || r.side == side || (side == "buy" && r.price > price) || (side == "sell" && r.price < price) {
				continue
			}
			if best < 0 || better(r, m.book[best]) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		n := min(o.quantity, m.book[best].quantity)
		m.trades++
		o.quantity -= n
		if m.book[best].quantity -= n; m.book[best].quantity == 0 {
			m.book = slices.Delete(m.book, best, best+1)
		}
	}
	if o.quantity > 0 {
		m.book = append(m.book, o)
	}
	return map[string]any{"order": float64(o.number), "traded": float64(quantity - o.quantity), "open": float64(o.quantity)}
}

// take removes an order and returns what was open of it.
func (m *model) take(number int) int {
	i := slices.IndexFunc(m.book, func(r resting) bool { return r.number == number })
	if i < 0 {
		return 0
	}
	open := m.book[i].quantity
	m.book = slices.Delete(m.book, i, i+1)
	m.cancellations++
	return open
}

// answer is what a trader has to answer to a line of orders.jsonl.
func (m *model) answer(trader, method string, args []any) any {
	if method == "cancel" {
		all := m.numbers[trader]
		return float64(m.take(all[len(all)-int(args[0].(float64))]))
	}
	placed := m.order(trader, args[0].(string), args[1].(string), int(args[2].(float64)), int(args[3].(float64)))
	if method == "ioc" {
		return map[string]any{"traded": placed["traded"], "cancelled": float64(m.take(m.orders))}
	}
	m.numbers[trader] = append(m.numbers[trader], m.orders)
	return placed
}
