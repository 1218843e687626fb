package guests_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/fault"
	sdk "github.com/crankcase/crankcase/guests/go/vat"
	"github.com/crankcase/crankcase/kernel"
)

// native runs a vat of the Go SDK as ordinary Go, on the same strict kernel.
type native struct {
	*vat
	payload, answered []byte
}

// startNative starts what the SDK was told to serve.
func startNative(t testing.TB, served sdk.Vat, incarnation uint32) *vat {
	t.Helper()
	n := &native{vat: newVat(t)}
	n.run = func(d kernel.Delivery) (out kernel.Outcome, err error) {
		n.payload, n.answered = d.Payload, nil
		defer func() {
			switch r := recover().(type) {
			case nil:
			case *fault.Guest:
				out.Fault = r
			default:
				panic(r)
			}
		}()
		sdk.Deliver(uint32(d.Kind), uint32(len(d.Payload)))
		return kernel.Outcome{}, nil
	}
	sdk.Serve(served)
	sdk.UseHost(n)
	n.start(incarnation)
	return n.vat
}

// must raises a guest fault as the ABI does: the call does not return.
func must(err error) {
	if err != nil {
		panic(fault.AsGuest(err))
	}
}

func vrefs(words []uint64) []capdata.Vref {
	refs := make([]capdata.Vref, len(words))
	for i, w := range words {
		refs[i] = capdata.Vref(w)
	}
	return refs
}

func capData(body []byte, slots []uint64) capdata.CapData {
	return capdata.CapData{Body: body, Slots: vrefs(slots)}
}

func copyOut(imp string, dst, src []byte, offset uint32) {
	if int(offset)+len(dst) > len(src) {
		panic(fault.New(fault.BadRange, imp, "%d+%d is past the end (%d)", offset, len(dst), len(src)))
	}
	copy(dst, src[offset:])
}

func (n *native) Read(dst []byte, offset uint32)   { copyOut("read", dst, n.payload, offset) }
func (n *native) Answer(dst []byte, offset uint32) { copyOut("answer", dst, n.answered, offset) }

func (n *native) Send(target uint64, body []byte, slots []uint64, result uint64) {
	must(n.vat.Send(capdata.Vref(target), capData(body, slots), capdata.Vref(result)))
}

func (n *native) Subscribe(p uint64) { must(n.vat.Subscribe(capdata.Vref(p))) }

func (n *native) Resolve(p uint64, how uint32, body []byte, slots []uint64) {
	must(n.vat.Resolve(1, func(int) (capdata.Resolution, error) {
		return capdata.Resolution{Promise: capdata.Vref(p), How: capdata.Settlement(how), Data: capData(body, slots)}, nil
	}))
}

func (n *native) Exit(failure bool, body []byte, slots []uint64) {
	must(n.vat.Exit(failure, capData(body, slots)))
}

func (n *native) give(value []byte, ok bool, dst []byte) int32 {
	if n.answered = value; !ok {
		return -1
	}
	copy(dst, value)
	return int32(len(value))
}

func (n *native) StoreGet(key string, dst []byte) int32 {
	value, ok, err := n.VatstoreGet([]byte(key))
	must(err)
	return n.give(value, ok, dst)
}

func (n *native) StoreSet(key string, value []byte) { must(n.VatstoreSet([]byte(key), value)) }
func (n *native) StoreDelete(key string)            { must(n.VatstoreDelete([]byte(key))) }

func (n *native) StoreNext(prior string, dst []byte) int32 {
	key, ok, err := n.VatstoreNextKey([]byte(prior))
	must(err)
	return n.give(key, ok, dst)
}

func (n *native) DropImports(refs []uint64)   { must(n.vat.DropImports(vrefs(refs))) }
func (n *native) RetireImports(refs []uint64) { must(n.vat.RetireImports(vrefs(refs))) }

func (n *native) CallNow(device uint64, body []byte, slots []uint64) int32 {
	failed, answer, err := n.vat.CallNow(capdata.Vref(device), capData(body, slots))
	must(err)
	n.answered = capdata.AppendAnswer(nil, failed, answer)
	return int32(len(n.answered))
}

func (n *native) Fault(text string)  { panic(fault.New(fault.Told, "fault", "%s", text)) }
func (n *native) Log(uint32, string) {}

// echoVat answers echo(v) with v.
var echoVat = sdk.Vat{Methods: sdk.Methods{"echo": func(c *sdk.Call) (any, error) {
	if len(c.Args()) == 0 {
		return nil, nil
	}
	return []any{c.Args()[0]}, nil
}}}

func describe(refs []capdata.Vref) string {
	refs = slices.Clone(refs)
	slices.Sort(refs)
	return fmt.Sprint(refs)
}
