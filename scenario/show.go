package scenario

import (
	"strings"

	"github.com/crankcase/crankcase/scenario/jsjson"
)

// flatLength is how long a value may be, in JavaScript's units, to stand on
// one line.
const flatLength = 110

// Show lays a value out as the oracle does: about one line for each small
// value, so that differences are readable and equal answers are equal as text.
func Show(v jsjson.Value) string {
	var b strings.Builder
	show(&b, v, "")
	return b.String()
}

func show(b *strings.Builder, v jsjson.Value, indent string) {
	flat := jsjson.Stringify(v)
	array, isArray := v.(jsjson.Array)
	object, isObject := v.(*jsjson.Object)
	if !isArray && !isObject || jsjson.Length(flat) < flatLength && len(indent) > 1 ||
		isArray && len(array) == 0 || isObject && object.Len() == 0 {
		b.WriteString(flat)
		return
	}
	inner := indent + " "
	b.WriteByte(flat[0])
	for i, x := range array {
		b.WriteString(separator(i))
		b.WriteString(inner)
		show(b, x, inner)
	}
	if isObject {
		for i, k := range object.Keys() {
			x, _ := object.Get(k)
			b.WriteString(separator(i))
			b.WriteString(inner)
			b.WriteString(jsjson.Quote(k))
			b.WriteString(": ")
			show(b, x, inner)
		}
	}
	b.WriteByte('\n')
	b.WriteString(indent)
	b.WriteByte(flat[len(flat)-1])
}

func separator(i int) string {
	if i == 0 {
		return "\n"
	}
	return ",\n"
}
