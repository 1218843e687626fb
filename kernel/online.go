package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
)

// online is a vat whose worker holds its memory as of position.
type online struct {
	worker   Worker
	position uint64
	used     uint64 // when it was last entered, for eviction
}

// bring gives a vat's worker, making it from the transcript if the vat is not online.
func (k *Kernel) bring(id VatID, v vatRow) *online {
	k.clock++
	if o := k.online[id]; o != nil {
		o.used = k.clock
		return o
	}
	if m := k.maxOnline; m > 0 {
		for len(k.online) >= m {
			k.evictOldest()
		}
	}
	b, ok, err := k.store.GetBundle(v.bundle)
	must("read bundle", err)
	if !ok {
		throw("read bundle", fmt.Errorf("bundle %x of v%d (%s) is not in the store", v.bundle, id, v.name))
	}
	w, err := k.workers.Spawn(VatSpec{ID: id, Name: v.name, Bundle: b})
	must("spawn worker", err)
	o := &online{worker: w, used: k.clock}
	k.online[id] = o
	k.replay(id, v, o)
	return o
}

func (k *Kernel) evictOldest() {
	var oldest VatID
	for id, o := range k.online {
		if oldest == 0 || o.used < k.online[oldest].used || o.used == k.online[oldest].used && id < oldest {
			oldest = id
		}
	}
	k.closeWorker(oldest)
}

// closeWorker drops a vat's worker: the next delivery makes it anew.
func (k *Kernel) closeWorker(id VatID) {
	if o := k.online[id]; o != nil {
		delete(k.online, id)
		must("close worker", o.worker.Close())
	}
}

func (k *Kernel) closeWorkers() {
	for id, o := range k.online {
		delete(k.online, id)
		if err := o.worker.Close(); err != nil {
			k.warn("a worker did not close", "vat", id, "error", err)
		}
	}
}

// ErrReplay is in the chain of the error of a vat whose transcript, run again, does not do what it
// did: another engine or library, a damaged file, or a bug. It is a host fault.
var ErrReplay = errors.New("replay differs from the transcript")

// replay runs the deliveries of the incarnation again, each syscall compared and answered
// from the transcript. The kernel does not change.
func (k *Kernel) replay(id VatID, v vatRow, o *online) {
	s := k.vatState(id)
	var rolling [32]byte
	k.catchUp()
	err := k.store.Transcript(id, v.incarnation, 0, func(it TranscriptItem) (bool, error) {
		if it.Position != o.position {
			return false, fmt.Errorf("%w: v%d (%s) has delivery %d where %d is expected", ErrReplay, id, v.name, it.Position, o.position)
		}
		if err := k.redo(id, v, o, it); err != nil {
			return false, err
		}
		rolling = roll(rolling, it.Data)
		o.position++
		return true, nil
	})
	must("replay", err)
	if o.position != s.position || o.position > 0 && rolling != s.transcript {
		throw("replay", fmt.Errorf("%w: the transcript of v%d (%s) ends at %d, %d deliveries are expected, or its hash is another",
			ErrReplay, id, v.name, o.position, s.position))
	}
}

func (k *Kernel) redo(id VatID, v vatRow, o *online, it TranscriptItem) error {
	d, err := openItem(it.Data)
	if err != nil {
		return fmt.Errorf("v%d (%s), delivery %d: %w", id, v.name, it.Position, err)
	}
	r := &replayer{rest: d.log}
	d.delivery.Replay = true
	out, err := o.worker.Deliver(d.delivery, r)
	where := fmt.Sprintf("v%d (%s), delivery %d (%v)", id, v.name, it.Position, d.delivery.Kind)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", where, err)
	case out.Fault != nil:
		return fmt.Errorf("%w: %s ended with a fault: %v", ErrReplay, where, out.Fault)
	case len(r.rest) > 0:
		next, _ := r.peek()
		return fmt.Errorf("%w: %s made %d syscalls; then %s is expected", ErrReplay, where, r.n, describe(next))
	case out.GasUsed != d.gasUsed:
		return fmt.Errorf("%w: %s used %d gas, %d is expected", ErrReplay, where, out.GasUsed, d.gasUsed)
	}
	return nil
}

// openedItem is a decoded transcript item.
type openedItem struct {
	delivery Delivery
	gasUsed  uint64
	log      []byte
}

var errDamagedItem = errors.New("the transcript item is damaged")

func openItem(b []byte) (it openedItem, err error) {
	if len(b) == 0 {
		return it, errDamagedItem
	}
	it.delivery.Kind = capdata.DeliveryKind(b[0])
	b = b[1:]
	for _, n := range []*uint64{&it.delivery.GasLimit, &it.gasUsed} {
		x, w := binary.Uvarint(b)
		if w <= 0 {
			return it, errDamagedItem
		}
		*n, b = x, b[w:]
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > uint64(len(b)-w) {
		return it, errDamagedItem
	}
	it.delivery.Payload, it.log = b[w:w+int(n)], b[w+int(n):]
	return it, nil
}

// replayer answers syscalls from a transcript.
type replayer struct {
	rest []byte
	n    int // syscalls so far
	buf  encoder
}

// peek gives the next recorded call's encoding and what follows it.
func (r *replayer) peek() (call, after []byte) {
	if len(r.rest) < 4 {
		return nil, nil
	}
	n := uint64(binary.LittleEndian.Uint32(r.rest))
	if n > uint64(len(r.rest)-4) {
		return nil, nil
	}
	return r.rest[4 : 4+n], r.rest[4+n:]
}

// match compares a call with the recorded one and gives the recorded answer.
func (r *replayer) match(c call) (answer []byte, ok bool, err error) {
	r.buf = r.buf[:0]
	c.append(&r.buf)
	want, after := r.peek()
	if !bytes.Equal(want, r.buf) {
		return nil, false, fmt.Errorf("%w: syscall %d is %s, %s is expected", ErrReplay, r.n, describe(r.buf), describe(want))
	}
	n, w := binary.Uvarint(after)
	if w <= 0 || n > uint64(len(after)-w) {
		return nil, false, errDamagedItem
	}
	after = after[w:]
	if n > 0 {
		if len(after) < int(n) {
			return nil, false, errDamagedItem
		}
		ok, answer = after[0] == 1, after[1:n]
		after = after[n:]
	}
	r.rest = after
	r.n++
	return answer, ok, nil
}

// describe names an encoded call for people.
func describe(b []byte) string {
	if len(b) == 0 {
		return "none"
	}
	const most = 80
	s := b[1:]
	if len(s) > most {
		s = s[:most]
	}
	return fmt.Sprintf("%v %q", op(b[0]), s)
}

func (r *replayer) just(c call) error {
	_, _, err := r.match(c)
	return err
}

func (r *replayer) Send(target capdata.Vref, args capdata.CapData, result capdata.Vref) error {
	return r.just(call{op: opSend, target: target, data: args, result: result})
}

func (r *replayer) Subscribe(p capdata.Vref) error {
	return r.just(call{op: opSubscribe, target: p})
}

func (r *replayer) Resolve(count int, record func(i int) (capdata.Resolution, error)) error {
	c := call{op: opResolve}
	for i := range count {
		x, err := record(i)
		if err != nil {
			return err
		}
		c.settle = append(c.settle, resolution{x.Promise, x.How, capdata.CapData{
			Body: bytes.Clone(x.Data.Body), Slots: append([]capdata.Vref(nil), x.Data.Slots...)}})
	}
	return r.just(c)
}

func (r *replayer) Exit(failure bool, info capdata.CapData) error {
	return r.just(call{op: opExit, failure: failure, data: info})
}

func (r *replayer) VatstoreGet(key []byte) ([]byte, bool, error) {
	return r.match(call{op: opVatstoreGet, key: key})
}

func (r *replayer) VatstoreSet(key, value []byte) error {
	return r.just(call{op: opVatstoreSet, key: key, value: value})
}

func (r *replayer) VatstoreDelete(key []byte) error {
	return r.just(call{op: opVatstoreDelete, key: key})
}

func (r *replayer) VatstoreNextKey(prior []byte) ([]byte, bool, error) {
	return r.match(call{op: opVatstoreNextKey, key: prior})
}

func (r *replayer) DropImports(v []capdata.Vref) error {
	return r.just(call{op: opDropImports, refs: v})
}

func (r *replayer) RetireImports(v []capdata.Vref) error {
	return r.just(call{op: opRetireImports, refs: v})
}

func (r *replayer) RetireExports(v []capdata.Vref) error {
	return r.just(call{op: opRetireExports, refs: v})
}

func (r *replayer) AbandonExports(v []capdata.Vref) error {
	return r.just(call{op: opAbandonExports, refs: v})
}

func (r *replayer) CallNow(device capdata.Vref, args capdata.CapData) (bool, capdata.CapData, error) {
	return false, capdata.CapData{}, fmt.Errorf("%w: call_now %v, which no transcript of this behaviour can hold", ErrReplay, device)
}
