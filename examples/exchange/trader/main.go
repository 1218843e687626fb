// Command trader is a vat, in Go, that trades on the exchange: a host tells it
// what to do, a message at a time.
//
//	join(issuer, exchange, cash, [asset, ...]) -> {asset: deposit facet}
//	order(side, asset, quantity, price) -> {order, traded, open}
//	ioc(side, asset, quantity, price) -> {traded, cancelled}   immediate or cancel
//	cancel(n) -> quantity                                      its n-th last order
//	holdings() -> {asset: amount}
//
// Build it like any Go vat:
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w -buildid=' -o trader.wasm ./examples/exchange/trader
package main

import "github.com/crankcase/crankcase/guests/go/vat"

func init() {
	t := &trader{purses: map[string]*vat.Promise{}}
	vat.Serve(vat.Vat{Methods: vat.Methods{
		"join":     t.join,
		"order":    t.order,
		"ioc":      t.ioc,
		"cancel":   t.cancel,
		"holdings": t.holdings,
	}})
}

func main() {}

// remembered is how many orders back a trader can cancel.
const remembered = 64

// maxUnits bounds quantities and prices, so that their product is exact.
const maxUnits = 1000000

type trader struct {
	cash   string
	assets []string
	purses map[string]*vat.Promise // by asset
	seat   *vat.Promise            // at the exchange
	orders [remembered]int64       // the last ones' numbers at the exchange
	count  int64
}

// join opens a purse for each asset and takes a seat. Everything that does not
// need an answer to go on is sent in one delivery: a message to a purse that
// is only promised waits in the kernel until there is one.
func (t *trader) join(c *vat.Call) (any, error) {
	var issuer, exchange vat.Target
	var cash string
	var assets []any
	if err := c.Scan(&issuer, &exchange, &cash, &assets); err != nil {
		return nil, err
	}
	if t.seat != nil {
		return nil, &vat.Error{Message: "join: once"}
	}
	promised := []*vat.Promise{}
	names := []string{cash}
	for _, a := range assets {
		name, ok := a.(string)
		if !ok {
			return nil, &vat.Error{Message: "join: assets are named by strings"}
		}
		names = append(names, name)
	}
	for _, name := range names {
		purse := issuer.Send(c, "makePurse", name).Keep()
		t.purses[name] = purse
		promised = append(promised, purse.Send(c, "depositFacet"))
	}
	facets := vat.Record{}
	for i, p := range promised {
		facet, err := p.Await(c)
		if err != nil {
			return nil, err
		}
		facets[names[i]] = facet
	}
	t.cash, t.assets = cash, names
	t.seat = exchange.Send(c, "join", facets).Keep()
	return facets, nil
}

// offer is an order's arguments and the promise for its payment.
func (t *trader) offer(c *vat.Call) ([]any, error) {
	var side, asset string
	var quantity, price int64
	if err := c.Scan(&side, &asset, &quantity, &price); err != nil {
		return nil, err
	}
	if t.seat == nil {
		return nil, &vat.Error{Message: "this trader has no seat"}
	}
	if quantity < 1 || quantity > maxUnits || price < 1 || price > maxUnits {
		return nil, &vat.Error{Message: "quantity and price are 1 to 1000000"}
	}
	from, amount := asset, quantity
	if side == "buy" {
		from, amount = t.cash, quantity*price
	}
	purse := t.purses[from]
	if purse == nil {
		return nil, &vat.Error{Message: "no purse for " + from}
	}
	return []any{side, asset, quantity, price, purse.Send(c, "withdraw", amount)}, nil
}

// order passes the promise for the payment on at once: the exchange waits for
// it, not the trader.
func (t *trader) order(c *vat.Call) (any, error) {
	args, err := t.offer(c)
	if err != nil {
		return nil, err
	}
	answer, err := t.seat.Send(c, "order", args...).Await(c)
	if err != nil {
		return nil, err
	}
	if r, ok := answer.(vat.Record); ok {
		if number, ok := r["order"].(int64); ok {
			t.orders[t.count%remembered] = number
			t.count++
		}
	}
	return answer, nil
}

// ioc cancels an order before it knows of it: the message to the promised
// handle reaches the exchange as soon as there is a handle.
func (t *trader) ioc(c *vat.Call) (any, error) {
	args, err := t.offer(c)
	if err != nil {
		return nil, err
	}
	return t.seat.Send(c, "open", args...).Send(c, "cancel"), nil
}

func (t *trader) cancel(c *vat.Call) (any, error) {
	var n int64
	if err := c.Scan(&n); err != nil {
		return nil, err
	}
	if n < 1 || n > remembered || n > t.count {
		return nil, &vat.Error{Message: "cancel: no such order"}
	}
	return t.seat.Send(c, "cancel", t.orders[(t.count-n)%remembered]), nil
}

func (t *trader) holdings(c *vat.Call) (any, error) {
	balances := make([]*vat.Promise, len(t.assets))
	for i, name := range t.assets {
		balances[i] = t.purses[name].Send(c, "balance")
	}
	all := vat.Record{}
	for i, b := range balances {
		amount, err := b.Await(c)
		if err != nil {
			return nil, err
		}
		all[t.assets[i]] = amount
	}
	return all, nil
}
