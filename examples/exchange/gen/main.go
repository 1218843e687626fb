// Command gen writes the messages of the exchange example: orders of three
// traders around prices that wander, some of them to be filled at once or not at
// all, and some taken back, then the report. The same seed and count give the
// same bytes everywhere.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	seed := flag.Uint64("seed", 1, "what the orders follow from")
	count := flag.Int("count", 10000, "how many orders and cancellations")
	out := flag.String("o", "", "the file to write; standard output without it")
	flag.Parse()
	if err := run(*out, *seed, *count); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(path string, seed uint64, count int) (err error) {
	if path == "" {
		return write(os.Stdout, seed, count)
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := write(f, seed, count); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// splitmix is SplitMix64: small, and the same in every version of Go.
type splitmix uint64

func (s *splitmix) next() uint64 {
	*s += 0x9e3779b97f4a7c15
	z := uint64(*s)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// intn returns a number from 0 to n-1.
func (s *splitmix) intn(n int) int { return int(s.next() % uint64(n)) }

type market struct {
	asset string
	price int // where it wanders around
	tick  int
	lot   int
}

// remembered is how many orders back the traders can cancel.
const remembered = 64

func write(w io.Writer, seed uint64, count int) error {
	b := bufio.NewWriter(w)
	random := splitmix(seed)
	traders := []string{"alice", "bob", "carol"}
	placed := map[string]int{}
	markets := []market{{"GOLD", 100, 1, 20}, {"SILVER", 25, 1, 60}}
	for range count {
		trader := traders[random.intn(len(traders))]
		if n := min(placed[trader], remembered); n > 0 && random.intn(100) < 12 {
			fmt.Fprintf(b, `{"target":%q,"method":"cancel","args":[%d]}`+"\n", trader, 1+random.intn(n))
			continue
		}
		m := &markets[random.intn(len(markets))]
		if random.intn(8) == 0 { // the price wanders, within a factor of two
			m.price = max(m.price+m.tick*(random.intn(3)-1), m.tick*12)
		}
		side, away := "buy", -1
		if random.intn(2) == 0 {
			side, away = "sell", 1
		}
		price := m.price + away*m.tick*(random.intn(9)-3) // a third of them cross
		method := "order"
		if random.intn(12) == 0 {
			method = "ioc"
		} else {
			placed[trader]++
		}
		fmt.Fprintf(b, `{"target":%q,"method":%q,"args":[%q,%q,%d,%d]}`+"\n", trader, method, side, m.asset, 1+random.intn(m.lot), price)
	}
	fmt.Fprintln(b, `{"target":"floor","method":"report","args":[]}`)
	return b.Flush()
}
