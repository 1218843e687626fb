//go:build wasip1

package vat

import "unsafe"

//go:wasmimport crankcase_v1 read
func sysRead(dst unsafe.Pointer, offset, n uint32)

//go:wasmimport crankcase_v1 answer
func sysAnswer(dst unsafe.Pointer, offset, n uint32)

//go:wasmimport crankcase_v1 send
func sysSend(target uint64, body unsafe.Pointer, bodyLen uint32, slots unsafe.Pointer, slotCount uint32, result uint64)

//go:wasmimport crankcase_v1 subscribe
func sysSubscribe(promise uint64)

//go:wasmimport crankcase_v1 resolve
func sysResolve(records unsafe.Pointer, count uint32)

//go:wasmimport crankcase_v1 exit
func sysExit(failure uint32, body unsafe.Pointer, bodyLen uint32, slots unsafe.Pointer, slotCount uint32)

//go:wasmimport crankcase_v1 vatstore_get
func sysStoreGet(key unsafe.Pointer, keyLen uint32, dst unsafe.Pointer, capacity uint32) int32

//go:wasmimport crankcase_v1 vatstore_set
func sysStoreSet(key unsafe.Pointer, keyLen uint32, value unsafe.Pointer, valueLen uint32)

//go:wasmimport crankcase_v1 vatstore_delete
func sysStoreDelete(key unsafe.Pointer, keyLen uint32)

//go:wasmimport crankcase_v1 vatstore_next_key
func sysStoreNext(prior unsafe.Pointer, priorLen uint32, dst unsafe.Pointer, capacity uint32) int32

//go:wasmimport crankcase_v1 drop_imports
func sysDropImports(refs unsafe.Pointer, count uint32)

//go:wasmimport crankcase_v1 retire_imports
func sysRetireImports(refs unsafe.Pointer, count uint32)

//go:wasmimport crankcase_v1 call_now
func sysCallNow(device uint64, body unsafe.Pointer, bodyLen uint32, slots unsafe.Pointer, slotCount uint32) int32

//go:wasmimport crankcase_v1 fault
func sysFault(text unsafe.Pointer, n uint32)

//go:wasmimport console log
func sysLog(level uint32, text unsafe.Pointer, n uint32)

func pointer(b []byte) unsafe.Pointer       { return unsafe.Pointer(unsafe.SliceData(b)) }
func textPointer(s string) unsafe.Pointer   { return unsafe.Pointer(unsafe.StringData(s)) }
func refsPointer(refs []ref) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(refs)) }

// resolution is a record of resolve, as the kernel reads it.
type resolution struct {
	promise        uint64
	how, zero      uint32
	body, bodyLen  uint32
	slots, slotLen uint32
}

func hostRead(dst []byte, offset uint32)   { sysRead(pointer(dst), offset, uint32(len(dst))) }
func hostAnswer(dst []byte, offset uint32) { sysAnswer(pointer(dst), offset, uint32(len(dst))) }
func hostSend(target ref, body []byte, slots []ref, result ref) {
	sysSend(uint64(target), pointer(body), uint32(len(body)), refsPointer(slots), uint32(len(slots)), uint64(result))
}
func hostSubscribe(promise ref) { sysSubscribe(uint64(promise)) }
func hostResolve(promise ref, how uint32, body []byte, slots []ref) {
	r := resolution{promise: uint64(promise), how: how, body: uint32(uintptr(pointer(body))), bodyLen: uint32(len(body)),
		slots: uint32(uintptr(refsPointer(slots))), slotLen: uint32(len(slots))}
	sysResolve(unsafe.Pointer(&r), 1)
}
func hostExit(failure uint32, body []byte, slots []ref) {
	sysExit(failure, pointer(body), uint32(len(body)), refsPointer(slots), uint32(len(slots)))
}
func hostStoreGet(key string, dst []byte) int32 {
	return sysStoreGet(textPointer(key), uint32(len(key)), pointer(dst), uint32(len(dst)))
}
func hostStoreSet(key string, value []byte) {
	sysStoreSet(textPointer(key), uint32(len(key)), pointer(value), uint32(len(value)))
}
func hostStoreDelete(key string) { sysStoreDelete(textPointer(key), uint32(len(key))) }
func hostStoreNext(prior string, dst []byte) int32 {
	return sysStoreNext(textPointer(prior), uint32(len(prior)), pointer(dst), uint32(len(dst)))
}
func hostDropImports(refs []ref)   { sysDropImports(refsPointer(refs), uint32(len(refs))) }
func hostRetireImports(refs []ref) { sysRetireImports(refsPointer(refs), uint32(len(refs))) }
func hostCallNow(device ref, body []byte, slots []ref) int32 {
	return sysCallNow(uint64(device), pointer(body), uint32(len(body)), refsPointer(slots), uint32(len(slots)))
}
func hostFault(text string)             { sysFault(textPointer(text), uint32(len(text))) }
func hostLog(level uint32, text string) { sysLog(level, textPointer(text), uint32(len(text))) }

//go:wasmexport crankcase_deliver
func crankcaseDeliver(kind, n uint32) uint32 {
	deliver(kind, n)
	return 0
}
