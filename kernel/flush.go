package kernel

import (
	"crypto/sha256"
	"encoding/binary"
)

// flushKind says what a flush is the end of; it is hashed.
type flushKind byte

const (
	flushCrank   flushKind = 1
	flushInput   flushKind = 2 // the host queued a message, ended a vat, ...
	flushGenesis flushKind = 3
)

// flush hands what the crank has changed to the store, net and sorted, and chains the
// crank hash into the activity hash. The crank hash covers the net writes, the outcome
// and the gas; the row that holds the activity hash is outside it.
func (k *Kernel) flush(kind flushKind, aborted bool, gas uint64) {
	if k.arena == nil {
		k.arena = make(encoder, 0, 4096) // not nil: an empty value is a value
	}
	arena := k.arena[:0]
	w := k.writes[:0]
	for _, t := range k.tables {
		w = t.writes(w, &arena)
	}
	from := len(arena)
	encodeState(&arena, k.st)
	content := len(arena) - from
	arena = append(arena, k.activity[:]...) // a place for the new one
	row := arena[from:len(arena):len(arena)]
	w = append(w, Write{Table: TableState, A: rowState, Value: row[:content]})
	sortWrites(w)

	b := append(k.hashBuf[:0], byte(kind), 0)
	if aborted {
		b[1] = 1
	}
	b = binary.LittleEndian.AppendUint64(b, gas)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(w)))
	for i := range w {
		b = appendWrite(b, &w[i])
	}
	k.hashBuf = b
	crankHash := sha256.Sum256(b)
	var both [64]byte
	copy(both[:], k.activity[:])
	copy(both[32:], crankHash[:])
	k.activity = sha256.Sum256(both[:])
	copy(row[content:], k.activity[:])
	k.lateState = append(k.lateState[:0], row...)

	now := w[:0] // all that is not kept back
	for i := range w {
		if isLate(&w[i]) {
			k.lateBytes += 64 + len(w[i].Value)
		} else {
			now = append(now, w[i])
		}
	}
	if len(now) > 0 {
		must("write", k.store.Flush(now, nil))
	}
	for _, it := range k.items {
		k.lateBytes += 64 + len(it.Data)
		k.lateItems = append(k.lateItems, it)
	}

	for _, t := range k.tables {
		t.flushed()
	}
	k.inflight.flushed()
	k.saved = k.st
	k.free.reset()
	clear(w)
	k.arena, k.writes = arena[:0], w[:0]
	k.items = k.items[:0]
	k.shrink()
	if k.lateBytes > maxLateBytes {
		k.catchUp()
	}
}

// shrink lets go of buffers that one large crank has blown up.
func (k *Kernel) shrink() {
	if cap(k.arena) > maxKeptLog {
		k.arena = nil
	}
	if cap(k.payload) > maxKeptLog {
		k.payload = nil
	}
	if cap(k.hashBuf) > maxKeptLog {
		k.hashBuf = nil
	}
}

// appendWrite appends one net change as it is hashed, each part with its length in front.
func appendWrite(b []byte, w *Write) []byte {
	b = append(b, byte(w.Table))
	b = binary.LittleEndian.AppendUint64(b, w.A)
	b = binary.LittleEndian.AppendUint64(b, w.B)
	b = binary.LittleEndian.AppendUint64(b, w.C)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(w.Key)))
	b = append(b, w.Key...)
	if w.Value == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(w.Value)))
		b = append(b, w.Value...)
	}
	return b
}

// discard drops all that was changed since the last flush.
func (k *Kernel) discard() {
	for _, t := range k.tables {
		t.discard()
	}
	k.inflight.dirty.reset()
	k.st = k.saved
	k.free.reset()
	k.items = k.items[:0]
}

// forget drops what is cached of the store as well.
func (k *Kernel) forget() {
	for _, t := range k.tables {
		t.forget()
	}
	k.lateState, k.lateItems, k.lateBytes, k.itemBuf = nil, nil, 0, nil
}

// stateRoot is the hash of the content of all hashed tables: equal for equal
// content, whatever way led to it. It reads every row.
func stateRoot(s Store) (root [32]byte, err error) {
	h := sha256.New()
	var buf []byte
	for t := TableState; t <= TableGCAction; t++ {
		err := s.ScanTable(t, func(w Write) bool {
			if t == TableState && w.A == rowState {
				w.Value = w.Value[:len(w.Value)-len(root)] // the activity hash is history, not content
			}
			buf = appendWrite(buf[:0], &w)
			h.Write(buf)
			return true
		})
		if err != nil {
			return root, err
		}
	}
	h.Sum(root[:0])
	return root, nil
}
