package wasmtimeengine

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"unsafe"
)

// A cache is a directory of what wasmtime compiled. An entry is a file that
// wasmtime maps into memory, followed by a checksum, which wasmtime does not
// look at: it has none of its own, and would run what it finds.
type cache struct{ dir string }

// smallest is the smallest module: magic and version.
var smallest = []byte("\x00asm\x01\x00\x00\x00")

// openCache opens the part of dir that is this compiler's. Its name holds the
// hash of what the compiler makes of the smallest module, in which it writes
// down all that it goes by.
func openCache(dir string, engine *C.wasm_engine_t) (*cache, error) {
	fail := func(err error) (*cache, error) { return nil, fmt.Errorf("wasmtime: compilation cache: %w", err) }
	m, err := compile(engine, smallest)
	if err != nil {
		return fail(err)
	}
	defer C.wasmtime_module_delete(m)
	var compiled C.wasm_byte_vec_t
	if err := taken(C.wasmtime_module_serialize(m, &compiled)); err != nil {
		return fail(err)
	}
	defer C.wasm_byte_vec_delete(&compiled)
	hash := sha256.Sum256(bytesOf(&compiled))
	dir = filepath.Join(dir, fmt.Sprintf("wasmtime-%s-%x", Version, hash[:8]))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail(err)
	}
	return &cache{dir}, nil
}

// An entry is the file of some code, which may be there or not.
type entry struct {
	key  [sha256.Size]byte // hash of the code
	path string
}

func (c *cache) entry(code []byte) entry {
	key := sha256.Sum256(code)
	return entry{key, filepath.Join(c.dir, fmt.Sprintf("%x.cwasm", key))}
}

// sum is the checksum of an entry. The key is in it, so that an entry under
// another's name is no entry.
func (e entry) sum(compiled io.Reader) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	h.Write(e.key[:])
	_, err = io.Copy(h, compiled)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// load returns the compiled code, which is the caller's, or nil if there is no
// entry. An error says that there is one and it is of no use.
func (e entry) load(engine *C.wasm_engine_t) (*C.wasmtime_module_t, error) {
	f, err := os.Open(e.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, e.fault(err)
	}
	err = e.check(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, e.fault(err)
	}
	path := C.CString(e.path)
	defer C.free(unsafe.Pointer(path))
	var m *C.wasmtime_module_t
	if err := taken(C.wasmtime_module_deserialize_file(engine, path, &m)); err != nil {
		return nil, e.fault(err)
	}
	return m, nil
}

func (e entry) check(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - sha256.Size
	if size < 0 {
		return errors.New("it is too short")
	}
	want, err := e.sum(io.LimitReader(f, size))
	if err != nil {
		return err
	}
	var got [sha256.Size]byte
	if _, err := io.ReadFull(f, got[:]); err != nil {
		return err
	}
	if got != want {
		return errors.New("it is damaged")
	}
	return nil
}

// store writes the entry: under another name first, so that others see all of
// it or nothing, and those who use what was there keep it.
func (e entry) store(m *C.wasmtime_module_t) error {
	var vec C.wasm_byte_vec_t
	if err := taken(C.wasmtime_module_serialize(m, &vec)); err != nil {
		return e.fault(err)
	}
	defer C.wasm_byte_vec_delete(&vec)
	compiled := bytesOf(&vec)
	sum, err := e.sum(bytes.NewReader(compiled))
	if err != nil {
		return e.fault(err)
	}
	f, err := os.CreateTemp(filepath.Dir(e.path), "new-*")
	if err != nil {
		return e.fault(err)
	}
	_, err = f.Write(compiled)
	if err == nil {
		_, err = f.Write(sum[:])
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), e.path)
	}
	if err != nil {
		return e.fault(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func (e entry) fault(err error) error {
	return fmt.Errorf("wasmtime: compilation cache: entry %x: %w", e.key[:8], err)
}

// bytesOf shows the bytes of a vector, which stay wasmtime's.
func bytesOf(v *C.wasm_byte_vec_t) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v.data)), v.size)
}
