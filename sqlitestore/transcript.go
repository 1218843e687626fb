package sqlitestore

import (
	"errors"

	"github.com/crankcase/crankcase/kernel"
)

// Transcript implements kernel.Store. An item's Data is f's for good. f may
// call methods of the store that read.
func (s *Store) Transcript(vat kernel.VatID, incarnation uint32, from uint64, f func(kernel.TranscriptItem) (bool, error)) (err error) {
	if err := s.ready(); err != nil {
		return err
	}
	// A statement of its own, not one that is used again: f may come back here.
	q, err := prepare(s.conn, `SELECT position, data FROM transcripts
		WHERE vat = ?1 AND incarnation = ?2 AND position >= ?3 ORDER BY position`, 3, 2)
	if err != nil {
		return s.fail("transcript", err)
	}
	defer func() {
		if e := q.close(); e != nil && err == nil {
			err = s.fail("transcript", e)
		}
	}()
	q.num(0, uint64(vat))
	q.num(1, uint64(incarnation))
	q.num(2, from)
	var theirs error
	err = q.each(func() (bool, error) {
		it := kernel.TranscriptItem{Vat: vat, Incarnation: incarnation}
		var err error
		if it.Position, err = q.int(0); err != nil {
			return false, err
		}
		if it.Data, err = q.bytes(1); err != nil {
			return false, err
		}
		var goOn bool
		goOn, theirs = f(it)
		return goOn && theirs == nil, nil
	})
	if err != nil {
		return s.fail("transcript", err)
	}
	return theirs
}

// DropTranscript implements kernel.Store. The oldest items go first.
func (s *Store) DropTranscript(vat kernel.VatID, max int) (int, error) {
	if err := s.readyToWrite(); err != nil {
		return 0, err
	}
	if max < 0 {
		return 0, s.fail("drop transcript", errors.New("max is negative"))
	}
	s.dropItems.num(0, uint64(vat))
	s.dropItems.num(1, uint64(max))
	n, err := s.dropItems.exec()
	if err != nil {
		return 0, s.fail("drop transcript", err)
	}
	return int(n), nil
}
