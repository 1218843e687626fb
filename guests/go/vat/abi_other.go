//go:build !wasip1

package vat

// Host is what a vat calls. In Wasm it is the kernel. On other platforms, where
// this package exists so that vats can be tested as ordinary Go, it is what a
// test gives to UseHost. References are in the form of the guest ABI; slices
// are valid during the call.
type Host interface {
	Read(dst []byte, offset uint32)
	Answer(dst []byte, offset uint32)
	Send(target uint64, body []byte, slots []uint64, result uint64)
	Subscribe(promise uint64)
	Resolve(promise uint64, how uint32, body []byte, slots []uint64)
	Exit(failure bool, body []byte, slots []uint64)
	StoreGet(key string, dst []byte) int32
	StoreSet(key string, value []byte)
	StoreDelete(key string)
	StoreNext(prior string, dst []byte) int32
	DropImports(refs []uint64)
	RetireImports(refs []uint64)
	CallNow(device uint64, body []byte, slots []uint64) int32
	Fault(text string) // must not return
	Log(level uint32, text string)
}

var host Host

// UseHost makes h the host. The registered vat begins anew: what comes next is startVat.
func UseHost(h Host) {
	host = h
	reset()
}

// Deliver makes a delivery of a kind of the guest ABI with n bytes of payload,
// which the vat reads from the host.
func Deliver(kind, n uint32) { deliver(kind, n) }

func words(refs []ref) []uint64 {
	w := make([]uint64, len(refs))
	for i, r := range refs {
		w[i] = uint64(r)
	}
	return w
}

func hostRead(dst []byte, offset uint32)   { host.Read(dst, offset) }
func hostAnswer(dst []byte, offset uint32) { host.Answer(dst, offset) }
func hostSend(target ref, body []byte, slots []ref, result ref) {
	host.Send(uint64(target), body, words(slots), uint64(result))
}
func hostSubscribe(promise ref) { host.Subscribe(uint64(promise)) }
func hostResolve(promise ref, how uint32, body []byte, slots []ref) {
	host.Resolve(uint64(promise), how, body, words(slots))
}
func hostExit(failure uint32, body []byte, slots []ref) { host.Exit(failure == 1, body, words(slots)) }
func hostStoreGet(key string, dst []byte) int32         { return host.StoreGet(key, dst) }
func hostStoreSet(key string, value []byte)             { host.StoreSet(key, value) }
func hostStoreDelete(key string)                        { host.StoreDelete(key) }
func hostStoreNext(prior string, dst []byte) int32      { return host.StoreNext(prior, dst) }
func hostDropImports(refs []ref)                        { host.DropImports(words(refs)) }
func hostRetireImports(refs []ref)                      { host.RetireImports(words(refs)) }
func hostCallNow(device ref, body []byte, slots []ref) int32 {
	return host.CallNow(uint64(device), body, words(slots))
}
func hostFault(text string)             { host.Fault(text) }
func hostLog(level uint32, text string) { host.Log(level, text) }
