package vat

// StoreGet returns the value of a key in the vatstore, and whether there is
// one. The vatstore survives upgrades. Keys are 1 to 1,024 bytes unless the kernel's
// parameters say otherwise; another key is the end of the vat.
func StoreGet(key string) ([]byte, bool) {
	return stored(func(dst []byte) int32 { return hostStoreGet(key, dst) })
}

// StoreSet puts a value under a key. An empty value is a value.
func StoreSet(key string, value []byte) { hostStoreSet(key, value) }

// StoreDelete deletes a key.
func StoreDelete(key string) { hostStoreDelete(key) }

// StoreNext returns the key that follows prior in the order of bytes, and
// whether there is one. An empty prior gives the first.
func StoreNext(prior string) (string, bool) {
	key, ok := stored(func(dst []byte) int32 { return hostStoreNext(prior, dst) })
	return string(key), ok
}

// stored calls get with a buffer that is usually large enough, and fetches the
// rest where it is not.
func stored(get func(dst []byte) int32) ([]byte, bool) {
	b := make([]byte, 256)
	n := int(get(b))
	if n < 0 {
		return nil, false
	}
	if n <= len(b) {
		return b[:n:n], true
	}
	all := make([]byte, n)
	hostAnswer(all[copy(all, b):], uint32(len(b)))
	return all, true
}

// Log writes a line to the console. Under consensus mode it goes nowhere.
func Log(text string) { hostLog(1, text) }

// Exit ends the vat at the end of this delivery. reason is what its owner
// learns, an error if it is a failure; a failure also undoes the delivery.
func Exit(failure bool, reason any) {
	enc.reset()
	enc.value(reason)
	late := enc.late
	enc.late = nil
	f := uint32(0)
	if failure {
		f = 1
	}
	hostExit(f, enc.b, enc.slots)
	settleLate(late)
}
