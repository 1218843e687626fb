package kernel_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/scenario/puppet"
)

// damagedStore shows another transcript than it has.
type damagedStore struct {
	kernel.Store
	change func([]kernel.TranscriptItem) []kernel.TranscriptItem
}

func (s *damagedStore) Transcript(vat kernel.VatID, incarnation uint32, from uint64, f func(kernel.TranscriptItem) (bool, error)) error {
	var items []kernel.TranscriptItem
	err := s.Store.Transcript(vat, incarnation, from, func(it kernel.TranscriptItem) (bool, error) {
		it.Data = bytes.Clone(it.Data)
		items = append(items, it)
		return true, nil
	})
	if err != nil {
		return err
	}
	for _, it := range s.change(items) {
		if goOn, err := f(it); err != nil || !goOn {
			return err
		}
	}
	return nil
}

// transcribed is a file with a vat that has made every kind of syscall with an answer, and a message for
// it on its way.
func transcribed(t *testing.T) (b *bed, items []kernel.TranscriptItem) {
	t.Helper()
	b = newBed(t, setup{})
	h := b.k.Harness()
	if _, err := h.AddVat("A", b.puppet, kernel.VatOptions{}, false); err != nil {
		t.Fatal(err)
	}
	root, err := h.AddExport(1, capdata.Root, true)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		`vatstore_set "k" "value"; vatstore_get "k"; vatstore_next_key ""; vatstore_get "other"; set r3 7`,
		`send o+5 '#["x",[]]' [o+6 p+1] p+2; subscribe p+2; resolve <p+1 data '#1' [o+7]>; vatstore_delete "k"`,
		`abandon_exports [o+5]; exit 0 '#"well"' []; exit 0 '#"well"' []`,
	} {
		script, err := puppet.Assemble(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.k.Queue(root, capdata.KernelData{Body: puppet.Body("run", script)}, kernel.QueueOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.k.Run(kernel.CrankCounter(5)); err != nil { // the third message is to be delivered
		t.Fatal(err)
	}
	if err := b.k.Commit(); err != nil {
		t.Fatal(err)
	}
	err = b.store.Transcript(1, 1, 0, func(it kernel.TranscriptItem) (bool, error) {
		it.Data = bytes.Clone(it.Data)
		items = append(items, it)
		return true, nil
	})
	if err != nil || len(items) != 3 {
		t.Fatalf("%d items, %v", len(items), err)
	}
	return b, items
}

// TestDamagedTranscript damages what a vat is replayed from, in every byte and as a list: that is a
// host fault which says so, never something that the vat did, and the file stays as it is.
func TestDamagedTranscript(t *testing.T) {
	b, items := transcribed(t)
	defer b.close()
	hash := b.k.ActivityHash()
	open := func(change func([]kernel.TranscriptItem) []kernel.TranscriptItem) (*kernel.Kernel, error) {
		if err := b.store.Rollback(); err != nil {
			t.Fatal(err)
		}
		k, err := kernel.Open(&damagedStore{b.store, change}, b.workers, kernel.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Run(nil)
		return k, err
	}
	refused := func(what string, change func([]kernel.TranscriptItem) []kernel.TranscriptItem) {
		t.Helper()
		k, err := open(change)
		var p *kernel.PanicError
		switch {
		case !errors.As(err, &p):
			t.Errorf("%s: %v", what, err)
		case !errors.Is(err, kernel.ErrReplay) && !strings.Contains(err.Error(), "damaged") &&
			!strings.Contains(err.Error(), "startVat must be the first one"): // the worker knows that much
			t.Errorf("%s: not what it is: %v", what, err)
		case p.Where != "replay" || p.Vat != 1 || p.VatName != "A" || p.Stack != nil:
			t.Errorf("%s: at %q in v%d (%s): %v\n%s", what, p.Where, p.Vat, p.VatName, err, p.Stack)
		}
		if d, err := k.Dump(); err != nil || d.VatTables[0].Ended {
			t.Fatalf("%s: the vat pays for it: %+v (%v)", what, d.VatTables, err)
		}
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
	}
	flips := 0
	for i, it := range items {
		for at := range it.Data {
			if step := 1 + len(it.Data)/150; !*longFlag && at%step != 0 && at > 16 {
				continue
			}
			flips++
			bit := byte(1) << (at % 8)
			refused("a flipped bit", func(items []kernel.TranscriptItem) []kernel.TranscriptItem {
				items[i].Data[at] ^= bit
				return items
			})
		}
		for _, n := range []int{0, 1, len(it.Data) / 2, len(it.Data) - 1} {
			refused("an item cut short", func(items []kernel.TranscriptItem) []kernel.TranscriptItem {
				items[i].Data = items[i].Data[:n]
				return items
			})
		}
		refused("an item too long", func(items []kernel.TranscriptItem) []kernel.TranscriptItem {
			items[i].Data = append(items[i].Data, 0)
			return items
		})
		refused("an item missing", func(items []kernel.TranscriptItem) []kernel.TranscriptItem { return slices.Delete(items, i, i+1) })
		refused("an item twice", func(items []kernel.TranscriptItem) []kernel.TranscriptItem { return slices.Insert(items, i, items[i]) })
		refused("an item at another position", func(items []kernel.TranscriptItem) []kernel.TranscriptItem {
			items[i].Position += 1
			return items
		})
	}
	refused("no items", func([]kernel.TranscriptItem) []kernel.TranscriptItem { return nil })
	refused("items exchanged", func(items []kernel.TranscriptItem) []kernel.TranscriptItem {
		items[1].Data, items[2].Data = items[2].Data, items[1].Data
		return items
	})
	t.Logf("%d bits flipped in %d items", flips, len(items))

	// Undamaged it goes on.
	k, err := open(func(items []kernel.TranscriptItem) []kernel.TranscriptItem { return items })
	if err != nil || k.ActivityHash() == hash {
		t.Fatalf("the whole transcript: %v", err)
	}
	if d, err := k.Dump(); err != nil || !d.VatTables[0].Ended || d.VatTables[0].Fault != `exit: #"well"` {
		t.Fatalf("%+v (%v)", d.VatTables, err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
}
