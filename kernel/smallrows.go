package kernel

// rows is a map that is made for few entries and remembers the order in which
// they came: a crank changes a handful of rows of a table, and walking a short list is
// cheaper than hashing. The zero value is empty.
type rows[K comparable, V any] struct {
	list  []entry[K, V]
	index map[K]int // of a list longer than maxListed
}

type entry[K comparable, V any] struct {
	k K
	v V
}

// maxListed is the length up to which a list is searched from end to end; maxKept that of a list whose memory is kept.
const (
	maxListed = 8
	maxKept   = 1 << 10
)

func (r *rows[K, V]) at(k K) int {
	if r.index != nil {
		if i, ok := r.index[k]; ok {
			return i
		}
		return -1
	}
	for i := range r.list {
		if r.list[i].k == k {
			return i
		}
	}
	return -1
}

func (r *rows[K, V]) get(k K) (v V, ok bool) {
	if i := r.at(k); i >= 0 {
		return r.list[i].v, true
	}
	return v, false
}

// set puts an entry, or another value in the place of an older one.
func (r *rows[K, V]) set(k K, v V) {
	if i := r.at(k); i >= 0 {
		r.list[i].v = v
		return
	}
	r.list = append(r.list, entry[K, V]{k, v})
	switch {
	case r.index != nil:
		r.index[k] = len(r.list) - 1
	case len(r.list) > maxListed:
		r.index = make(map[K]int, 4*maxListed)
		for i := range r.list {
			r.index[r.list[i].k] = i
		}
	}
}

func (r *rows[K, V]) reset() {
	if len(r.list) == 0 {
		return
	}
	if cap(r.list) > maxKept {
		r.list = nil
	}
	clear(r.list)
	r.list, r.index = r.list[:0], nil
}
