package crankcase

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/crankcase/crankcase/kernel"
)

// ErrOtherConfig is returned by Start when the database was started with
// another configuration or module. Nothing was changed.
var ErrOtherConfig = errors.New("the database was started with something else")

// wordOrigin is the host word that holds the origin.
const wordOrigin = "crankcase.config"

// origin is what a database was started with: what a config means, with large
// parts by their SHA-256. It says nothing of how the file is laid out.
type origin struct {
	ConsensusMode bool                 `json:"consensusMode"`
	Bootstrap     string               `json:"bootstrap"`
	GasLimit      uint64               `json:"defaultGasLimit"`
	Vats          map[string]originVat `json:"vats"`
}

type originVat struct {
	Module     string            `json:"module"`
	Parameters string            `json:"parameters"`
	Options    kernel.VatOptions `json:"options"`
}

func hashText(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// originOf is the origin of a database that g starts.
func originOf(g kernel.Genesis) origin {
	o := origin{g.ConsensusMode, g.Bootstrap, g.DefaultGasLimit, map[string]originVat{}}
	if o.GasLimit == 0 {
		o.GasLimit = kernel.DefaultGasLimit
	}
	for _, v := range g.Vats {
		options := v.Options
		if options.OnFault == "" {
			options.OnFault = kernel.Terminate
		}
		o.Vats[v.Name] = originVat{hashText(v.Module), hashText(v.Parameters.Body), options}
	}
	return o
}

func (o origin) encode() ([]byte, error) { return json.Marshal(o) }

// check compares a config with the origin in the database. The error says what
// differs first, in the order: settings, vats by name.
func (o origin) check(word []byte, paths func(vat string) string) error {
	if word == nil {
		return fmt.Errorf("%w: it does not say with which config, so another program started it: open it without one", ErrOtherConfig)
	}
	var was origin
	if err := json.Unmarshal(word, &was); err != nil {
		return fmt.Errorf("the database's record of its config is damaged: %w", err)
	}
	differs := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s. Use the config and modules that it was started with, or another database. "+
			"To replace a vat's code is for a later version's `crankcase upgrade`; this one has none", ErrOtherConfig, fmt.Sprintf(format, args...))
	}
	switch {
	case o.ConsensusMode != was.ConsensusMode:
		return differs("consensusMode is %v, it was %v", o.ConsensusMode, was.ConsensusMode)
	case o.Bootstrap != was.Bootstrap:
		return differs("bootstrap is %q, it was %q", o.Bootstrap, was.Bootstrap)
	case o.GasLimit != was.GasLimit:
		return differs("defaultGasLimit is %d, it was %d", o.GasLimit, was.GasLimit)
	}
	for _, name := range sortedNames(was.Vats) {
		if _, ok := o.Vats[name]; !ok {
			return differs("vat %q is missing in the config", name)
		}
	}
	for _, name := range sortedNames(o.Vats) {
		is := o.Vats[name]
		old, ok := was.Vats[name]
		switch {
		case !ok:
			return differs("vat %q is new in the config", name)
		case is.Module != old.Module:
			return differs("vat %q has another module: %s has SHA-256 %s, it was %s", name, paths(name), is.Module, old.Module)
		case is.Parameters != old.Parameters:
			return differs("vat %q has other parameters", name)
		case is.Options != old.Options:
			return differs("vat %q has other creationOptions", name)
		}
	}
	return nil
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// listNames lists names for people.
func listNames[V any](m map[string]V) string { return strings.Join(sortedNames(m), ", ") }
