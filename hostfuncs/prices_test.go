package hostfuncs

import "testing"

// Each import is in one row of the table of prices, with its own base price.
func TestPriceTable(t *testing.T) {
	base := map[string]uint64{}
	for _, p := range PriceTable() {
		for _, name := range p.Imports {
			if _, ok := base[name]; ok {
				t.Errorf("%s is there twice", name)
			}
			base[name] = p.Base
		}
	}
	for i := range table {
		if got, ok := base[table[i].title]; !ok || got != table[i].price {
			t.Errorf("%s: %d, %v; want %d", table[i].title, got, ok, table[i].price)
		}
		delete(base, table[i].title)
	}
	for name := range base {
		t.Errorf("%s is no import", name)
	}
}
