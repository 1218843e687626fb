package vat

// decodeAnswer reads what a device answered: u32 failed, u32 0, capdata.
func decodeAnswer(c *Call, b []byte) (any, error) {
	failed, count, size := le.Uint32(b) == 1, le.Uint32(b[8:]), le.Uint32(b[12:])
	b = b[16:]
	slots := make([]ref, count)
	for i := range slots {
		slots[i] = ref(le.Uint64(b[8*i:]))
	}
	v, err := decode(b[8*count:8*count+size], c.take(slots))
	if err != nil || !failed {
		return v, err
	}
	if x, ok := v.(error); ok {
		return nil, x
	}
	return nil, &Rejection{v}
}
