//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlitestore

import (
	"errors"
	"fmt"
	"os"
)

// Without flock there is no lock that ends with its process, and without it
// two writers could run one database.
func lock(string) (*os.File, error) {
	return nil, fmt.Errorf("%w: this platform has no flock", errors.ErrUnsupported)
}

func unlock(*os.File) error { return nil }

func writable(string) error { return nil }
