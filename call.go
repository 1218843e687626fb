package crankcase

import (
	"fmt"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// Rejected is the error of a call whose result was rejected.
type Rejected struct {
	// Reason is what it was rejected with, as Decode gives it: mostly a
	// *capdata.Error.
	Reason any
}

// Error implements error.
func (r *Rejected) Error() string {
	if err, ok := r.Reason.(error); ok {
		return "rejected: " + err.Error()
	}
	return "rejected: " + FormatValue(r.Reason)
}

// Unwrap gives the reason, if it is an error as data: errors.As finds a
// *capdata.Error.
func (r *Rejected) Unwrap() error {
	err, _ := r.Reason.(error)
	return err
}

// Send queues a call of a method of a static vat's root. args are what
// capdata.EncodeCall takes; references are capdata.Remotable[capdata.Kref] and
// capdata.PromiseRef[capdata.Kref]. It runs nothing: see Run. The result promise is
// kept until Release. Errors: kernel.ErrNoVat, a *capdata.ValueError,
// kernel.ErrBadArgument for a reference that does not exist.
func (k *Kernel) Send(vat, method string, args ...any) (result capdata.Kref, err error) {
	root, err := k.Root(vat)
	if err != nil {
		return 0, err
	}
	data, err := capdata.EncodeCall[capdata.Kref](method, args...)
	if err != nil {
		return 0, err
	}
	return k.Queue(root, data, kernel.QueueOptions{Watch: true})
}

// Result gives what a promise settled with, as Go values (see capdata.Encode).
// Errors: *Rejected; kernel.ErrUnresolved; kernel.ErrBadArgument if nobody
// kept the promise; a *capdata.ParseError for a body that is not smallcaps.
func (k *Kernel) Result(promise capdata.Kref) (any, error) {
	how, data, err := k.PromiseResult(promise)
	if err != nil {
		return nil, err
	}
	v, err := capdata.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("the result %v: %w", promise, err)
	}
	if how == capdata.Rejected {
		return nil, &Rejected{v}
	}
	return v, nil
}

// Call sends a call, runs the kernel until there is nothing to do, and gives
// the result. Nothing is committed: see Commit. Errors are those of Send, Run
// and Result; after kernel.ErrUnresolved nobody keeps the result, so a call
// whose result may take longer is for Send.
func (k *Kernel) Call(vat, method string, args ...any) (any, error) {
	promise, err := k.Send(vat, method, args...)
	if err != nil {
		return nil, err
	}
	if _, err := k.Run(nil); err != nil {
		return nil, err
	}
	value, err := k.Result(promise)
	if e := k.Release(promise); e != nil {
		return nil, e
	}
	return value, err
}
