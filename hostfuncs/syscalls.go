package hostfuncs

import "github.com/crankcase/crankcase/capdata"

// Syscalls is what a running delivery asks of the kernel.
//
// Each method checks its references at once and returns nil, a *fault.Guest
// (not wrapped), or any other error, which is a host fault; after an error the
// delivery ends and no method is called any more. Sizes and memory ranges have
// been checked. Slices that are passed in may be the guest's memory itself:
// they are valid only during the call and must not be written to. Slices that
// are returned must not change until the delivery ends; they are not written to.
type Syscalls interface {
	Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error
	Subscribe(promise capdata.Vref) error
	// Resolve settles count promises, at least one. record is to be called with
	// 0, 1, ... in order; what it returns is valid until it is called again;
	// its error ends the call and must be returned as it is.
	Resolve(count int, record func(i int) (capdata.Resolution, error)) error
	Exit(failure bool, info capdata.CapData) error
	VatstoreGet(key []byte) (value []byte, ok bool, err error)
	VatstoreSet(key, value []byte) error
	VatstoreDelete(key []byte) error
	VatstoreNextKey(prior []byte) (key []byte, ok bool, err error)
	DropImports(refs []capdata.Vref) error
	RetireImports(refs []capdata.Vref) error
	RetireExports(refs []capdata.Vref) error
	AbandonExports(refs []capdata.Vref) error
	CallNow(device capdata.Vref, args capdata.CapData) (failed bool, answer capdata.CapData, err error)
}
