package hostfuncs

// A Price is a row of the prices of host calls, for documents and tests.
type Price struct {
	Imports []string // as fault texts name them
	Base    uint64   // on entry, whatever the arguments
	Sizes   []Charge // what comes on top
}

// A Charge is what a size or count costs.
type Charge struct {
	Gas uint64
	Per string // the unit
}

// PriceTable returns what each import costs; each is in one row. Charges are
// in the order in which they are made: for arguments, then for an answer.
// The caller owns the result.
func PriceTable() []Price {
	word := func(gas uint64, of string) Charge { return Charge{gas, "8 bytes of " + of} }
	slot, answered := Charge{gasSlot, "slot"}, Charge{gasSlot, "slot of the answer"}
	list := []Price{
		{Imports: []string{"read", "answer", "bundle_read"}, Sizes: []Charge{word(gasCopyWord, "len")}},
		{Imports: []string{"bundle_len"}},
		{Imports: []string{"send"}, Sizes: []Charge{word(gasLogWord, "body"), slot}},
		{Imports: []string{"subscribe"}},
		{Imports: []string{"resolve"}, Sizes: []Charge{{gasRecord, "record"}, word(gasLogWord, "each body"), slot}},
		{Imports: []string{"exit"}, Sizes: []Charge{word(gasLogWord, "body"), slot}},
		{Imports: []string{"vatstore_get"}, Sizes: []Charge{word(gasReadWord, "key"), word(gasReadWord, "the value")}},
		{Imports: []string{"vatstore_set"}, Sizes: []Charge{word(gasWriteWord, "key"), word(gasWriteWord, "value")}},
		{Imports: []string{"vatstore_delete"}, Sizes: []Charge{word(gasReadWord, "key")}},
		{Imports: []string{"vatstore_next_key"}, Sizes: []Charge{word(gasReadWord, "prior"), word(gasReadWord, "the key found")}},
		{Imports: []string{"drop_imports"}, Sizes: []Charge{{gasDrop, "reference"}}},
		{Imports: []string{"retire_imports", "retire_exports", "abandon_exports"}, Sizes: []Charge{{gasRetire, "reference"}}},
		{Imports: []string{"call_now"}, Sizes: []Charge{word(gasLogWord, "body"), slot, word(gasReadWord, "the answer"), answered}},
		{Imports: []string{"fault"}, Sizes: []Charge{word(gasCopyWord, "the text that is kept")}},
		{Imports: []string{"console.log"}},
		{Imports: []string{"random_get"}, Sizes: []Charge{word(gasCopyWord, "len")}},
		{Imports: []string{"fd_write"}, Sizes: []Charge{{gasIOVec, "iovec"}}},
		{Imports: []string{"poll_oneoff"}, Sizes: []Charge{{gasSubscription, "subscription"}}},
	}
	var others []string
	row := map[string]*Price{}
	for i := range list {
		for _, name := range list[i].Imports {
			row[name] = &list[i]
		}
	}
	for i := range table {
		t := &table[i]
		if p := row[t.title]; p != nil {
			p.Base = t.price
		} else {
			others = append(others, t.title)
		}
	}
	return append(list, Price{Imports: others, Base: gasCrossing})
}
