package jsjson

import (
	"sort"
	"strconv"
	"strings"
)

// A Value is one of: nil (null), bool, Number, string, Array, *Object.
type Value any

// Number is a number as it was written.
type Number string

// Int returns a Number.
func Int[T ~int | ~int64 | ~uint32 | ~uint64](n T) Number {
	if n < 0 {
		return Number(strconv.FormatInt(int64(n), 10))
	}
	return Number(strconv.FormatUint(uint64(n), 10))
}

// Array is a JSON array.
type Array []Value

// Object is a JSON object whose keys are in JavaScript's order: first those
// that are array indexes (0 to 2^32-2), ascending, then the others in the order in
// which they were first set. The zero value is empty. It is not safe for concurrent use.
type Object struct {
	keys    []string
	values  map[string]Value
	indexes int // how many of keys are array indexes
}

// Set gives key a value; a key that is there keeps its place.
func (o *Object) Set(key string, v Value) *Object {
	if _, ok := o.values[key]; !ok {
		at := len(o.keys)
		if i, ok := arrayIndex(key); ok {
			at = sort.Search(o.indexes, func(k int) bool { j, _ := arrayIndex(o.keys[k]); return j > i })
			o.indexes++
		}
		o.keys = append(o.keys, "")
		copy(o.keys[at+1:], o.keys[at:])
		o.keys[at] = key
		if o.values == nil {
			o.values = map[string]Value{}
		}
	}
	o.values[key] = v
	return o
}

// Get returns the value of key.
func (o *Object) Get(key string) (v Value, ok bool) {
	v, ok = o.values[key]
	return v, ok
}

// Keys returns the keys in order. The slice is the object's own and valid until Set.
func (o *Object) Keys() []string { return o.keys }

// Len returns the number of keys.
func (o *Object) Len() int { return len(o.keys) }

func arrayIndex(key string) (uint64, bool) {
	if key == "" || len(key) > 10 || key[0] == '0' && key != "0" {
		return 0, false
	}
	n, err := strconv.ParseUint(key, 10, 64)
	return n, err == nil && n < 1<<32-1 && key[0] != '+'
}

// Stringify returns v as JSON.stringify writes it without an indent.
func Stringify(v Value) string {
	var b strings.Builder
	stringify(&b, v)
	return b.String()
}

func stringify(b *strings.Builder, v Value) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case Number:
		b.WriteString(string(v))
	case string:
		appendQuoted(b, v)
	case Array:
		b.WriteByte('[')
		for i, x := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			stringify(b, x)
		}
		b.WriteByte(']')
	case *Object:
		b.WriteByte('{')
		for i, k := range v.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			appendQuoted(b, k)
			b.WriteByte(':')
			stringify(b, v.values[k])
		}
		b.WriteByte('}')
	}
}
