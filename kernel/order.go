package kernel

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/crankcase/crankcase/capdata"
)

// SwingSet keeps its state under text keys and walks it in their order; where that
// order shows (in which promises are rejected, in which references are listed), this
// kernel keeps it, so that histories can be compared.

// compareDecimal compares two numbers by their decimal digits, as text.
func compareDecimal(x, y uint64) int {
	var a, b [20]byte
	return bytes.Compare(strconv.AppendUint(a[:0], x, 10), strconv.AppendUint(b[:0], y, 10))
}

// sortKrefs sorts references of one kind in text order.
func sortKrefs(v []capdata.Kref) {
	slices.SortFunc(v, func(x, y capdata.Kref) int { return compareDecimal(x.Number(), y.Number()) })
}

// compareVrefText compares two vrefs by their text forms.
func compareVrefText(x, y capdata.Vref) int {
	var a, b [24]byte
	return bytes.Compare(x.Append(a[:0]), y.Append(b[:0]))
}
