package sqlitestore

import (
	"errors"

	"github.com/crankcase/crankcase/kernel"
)

// PutBundle implements kernel.Store.
func (s *Store) PutBundle(b kernel.Bundle) error {
	if err := s.readyToWrite(); err != nil {
		return err
	}
	// Prepared for this one time: bundles are rare and large, and the driver
	// keeps the last arguments.
	q, err := prepare(s.conn, "INSERT INTO bundles (hash, code, data) VALUES (?1, ?2, ?3) ON CONFLICT (hash) DO NOTHING", 3, 0)
	if err != nil {
		return s.fail("put bundle", err)
	}
	q.blob(0, b.Hash[:])
	q.blob(1, b.Code)
	if b.Data != nil {
		q.blob(2, b.Data)
	}
	_, err = q.exec()
	if err = errors.Join(err, q.close()); err != nil {
		return s.fail("put bundle", err)
	}
	return nil
}

// GetBundle implements kernel.Store. The slices are the caller's.
func (s *Store) GetBundle(hash [32]byte) (b kernel.Bundle, ok bool, err error) {
	if err := s.ready(); err != nil {
		return b, false, err
	}
	q, err := prepare(s.conn, "SELECT code, data FROM bundles WHERE hash = ?1", 1, 2)
	if err != nil {
		return b, false, s.fail("get bundle", err)
	}
	q.blob(0, hash[:])
	if ok, err = q.first(); ok && err == nil {
		b.Hash = hash
		b.Code, err = q.bytes(0)
		if err == nil && q.row[1] != nil {
			b.Data, err = q.bytes(1)
		}
	}
	if err = errors.Join(err, q.close()); err != nil {
		return kernel.Bundle{}, false, s.fail("get bundle", err)
	}
	return b, ok, nil
}

// HostGet implements kernel.Store. The value is the caller's.
func (s *Store) HostGet(key string) ([]byte, error) {
	if err := s.ready(); err != nil {
		return nil, err
	}
	s.getWord.args[0].Value = key
	ok, err := s.getWord.first()
	var value []byte
	if ok && err == nil {
		value, err = s.getWord.bytes(0)
	}
	if err != nil {
		return nil, s.fail("host get", err)
	}
	return value, nil
}

// HostSet implements kernel.Store.
func (s *Store) HostSet(key string, value []byte) error {
	if err := s.readyToWrite(); err != nil {
		return err
	}
	q := s.deleteWord
	if value != nil {
		q = s.putWord
		q.blob(1, value)
	}
	q.args[0].Value = key
	if err := q.run(); err != nil {
		return s.fail("host set", err)
	}
	return nil
}
