package crankcase

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// Config is what a database is started with: the static vats and the consensus
// settings. LoadConfig reads one from a file; a program may as well fill it in.
type Config struct {
	// ConsensusMode makes the console of vats a black hole. It cannot be
	// changed later.
	ConsensusMode bool
	// Bootstrap names the vat that gets the message bootstrap({name: root,
	// ...}, {}) when all vats have started. If it rejects, the kernel
	// panics. Empty: nobody gets one.
	Bootstrap string
	// DefaultGasLimit is the gas of a crank for vats without a limit of their
	// own. 0: kernel.DefaultGasLimit.
	DefaultGasLimit uint64
	// Vats are the static vats by name.
	Vats map[string]Vat
}

// Vat is a static vat.
type Vat struct {
	// Module is the vat's .wasm file. It is not changed.
	Module []byte
	// Path says where Module comes from, for messages to people.
	Path string
	// Parameters are what startVat gets: any value that capdata.Encode takes,
	// without references. nil: an empty record.
	Parameters any
	// Options are the vat's creation options. nil: DefaultVatOptions.
	Options *kernel.VatOptions
}

// DefaultVatOptions are the creation options of a vat that asks for nothing
// else: as in SwingSet, bringOutYourDead every 100 deliveries, or 20 references
// that garbage collection told it of.
func DefaultVatOptions() kernel.VatOptions {
	return kernel.VatOptions{OnFault: kernel.Terminate, ReapInterval: 100, ReapGCKrefs: 20}
}

// BuildFunc makes a module of a folder that a config names as a bundleSpec.
type BuildFunc func(folder string) (module []byte, err error)

// LoadConfig reads a configuration in the shape of SwingSet's, and the modules
// that it names, whose paths are relative to its own folder:
//
//	{
//	  "consensusMode": true,
//	  "bootstrap": "alice",
//	  "defaultGasLimit": 50000000,
//	  "vats": {
//	    "alice": {"bundleSpec": "alice.wasm", "parameters": {"coins": 5}},
//	    "bob": {"bundleName": "shop", "creationOptions": {
//	      "enablePipelining": false, "critical": false, "onFault": "terminate",
//	      "reapInterval": 100, "reapGCKrefs": "never", "gasLimit": 1000000}}
//	  },
//	  "bundles": {"shop": {"bundleSpec": "shop.wasm"}},
//	  "devices": {}
//	}
//
// It is strict: a name that it does not know is refused, as is what this
// version does not have, such as devices. Errors of what is in the file are an
// *InputError. A bundleSpec that is a folder is given to build; nil refuses it.
// Whether the modules are acceptable is found by Start.
func LoadConfig(path string, build BuildFunc) (*Config, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	r := configReader{
		jsonReader: newJSONReader(path, 1, src),
		folder:     filepath.Dir(path), build: build,
		config: &Config{Vats: map[string]Vat{}},
		specs:  map[string]string{}, named: map[string]reference{},
	}
	if err := r.read(); err != nil {
		return nil, err
	}
	return r.config, nil
}

// reference is the place where a vat names a bundle of the config's.
type reference struct {
	bundle string
	at     int
}

type configReader struct {
	*jsonReader
	folder string
	build  BuildFunc
	config *Config
	specs  map[string]string // bundles: their bundleSpec
	named  map[string]reference
}

var (
	configFields  = []string{"consensusMode", "bootstrap", "defaultGasLimit", "vats", "bundles", "devices"}
	vatFields     = []string{"bundleSpec", "bundleName", "parameters", "creationOptions"}
	optionFields  = []string{"enablePipelining", "critical", "onFault", "reapInterval", "reapGCKrefs", "gasLimit"}
	bundleFields  = []string{"bundleSpec"}
	anyFieldNames []string // nil: object takes all
)

func (r *configReader) read() error {
	if err := r.checkUTF8(); err != nil {
		return err
	}
	bootstrapAt := 0
	err := r.object("the config", configFields, func(name string, at int) (err error) {
		c := r.config
		switch name {
		case "consensusMode":
			c.ConsensusMode, err = r.bool(name)
		case "bootstrap":
			bootstrapAt = r.next()
			c.Bootstrap, err = r.string(name)
		case "defaultGasLimit":
			c.DefaultGasLimit, err = r.positive(name)
		case "vats":
			err = r.object("vats", anyFieldNames, r.vat)
		case "bundles":
			err = r.object("bundles", anyFieldNames, r.bundle)
		case "devices":
			err = r.object("devices", anyFieldNames, func(device string, at int) error {
				return r.failAt(at, "device %q: this version has no devices", device)
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := r.end(); err != nil {
		return err
	}
	if len(r.config.Vats) == 0 {
		return &InputError{File: r.file, Problem: "there are no vats: name at least one under \"vats\""}
	}
	if b := r.config.Bootstrap; b != "" {
		if _, ok := r.config.Vats[b]; !ok {
			return r.failAt(bootstrapAt, "the bootstrap vat %q is not among the vats (%s)", b, listNames(r.config.Vats))
		}
	}
	return r.modules()
}

// vat reads an entry of vats. Its module is read later.
func (r *configReader) vat(name string, at int) error {
	what := fmt.Sprintf("vat %q", name)
	options := DefaultVatOptions()
	v := Vat{Options: &options}
	err := r.object(what, vatFields, func(field string, at int) (err error) {
		switch field {
		case "bundleSpec":
			v.Path, err = r.spec(what)
		case "bundleName":
			ref := reference{at: r.next()}
			ref.bundle, err = r.string(field)
			r.named[name] = ref
		case "parameters":
			start := r.next()
			if v.Parameters, err = r.value(); err == nil {
				_, err = v.parameters()
			}
			var bad *capdata.ValueError
			if errors.As(err, &bad) {
				err = r.failAt(start, "the parameters of %s cannot be encoded: %s", what, bad.Problem)
			}
		case "creationOptions":
			err = r.options(what, &options)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, named := r.named[name]
	if (v.Path != "") == named {
		return r.failAt(at, "%s needs either a bundleSpec, a module's path, or a bundleName from bundles", what)
	}
	r.config.Vats[name] = v
	return nil
}

func (r *configReader) options(what string, o *kernel.VatOptions) error {
	return r.object("creationOptions of "+what, optionFields, func(field string, at int) (err error) {
		switch field {
		case "enablePipelining":
			o.Pipelining, err = r.bool(field)
		case "critical":
			o.Critical, err = r.bool(field)
		case "onFault":
			var s string
			start := r.next()
			if s, err = r.string(field); err == nil && s != string(kernel.Terminate) {
				err = r.failAt(start, "%s: onFault is %q; this version has %q only", what, s, kernel.Terminate)
			}
		case "reapInterval":
			o.ReapInterval, err = r.threshold(field)
		case "reapGCKrefs":
			o.ReapGCKrefs, err = r.threshold(field)
		case "gasLimit":
			o.GasLimit, err = r.positive(field)
		}
		return err
	})
}

// threshold reads a number from 1, or "never".
func (r *configReader) threshold(field string) (uint64, error) {
	t, at, err := r.token()
	if err != nil {
		return 0, err
	}
	switch t := t.(type) {
	case json.Number:
		return r.parsePositive(field, t, at)
	case string:
		if t == "never" {
			return kernel.Never, nil
		}
	}
	return 0, r.failAt(at, "%s is a whole number from 1, or \"never\"", field)
}

func (r *configReader) bundle(name string, at int) error {
	what := fmt.Sprintf("bundle %q", name)
	err := r.object(what, bundleFields, func(string, int) (err error) {
		r.specs[name], err = r.spec(what)
		return err
	})
	if err == nil && r.specs[name] == "" {
		err = r.failAt(at, "%s needs a bundleSpec, a module's path", what)
	}
	return err
}

// spec reads a bundleSpec: a path relative to the config's folder.
func (r *configReader) spec(what string) (string, error) {
	at := r.next()
	s, err := r.string("bundleSpec")
	if err != nil {
		return "", err
	}
	if s == "" {
		return "", r.failAt(at, "%s has an empty bundleSpec; a module's path is expected", what)
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(r.folder, s)
	}
	return s, nil
}

// modules reads the modules of all vats and bundles, each file once.
func (r *configReader) modules() error {
	read := map[string][]byte{}
	load := func(what, path string) ([]byte, error) {
		if m, ok := read[path]; ok {
			return m, nil
		}
		m, err := r.module(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", r.file, what, err)
		}
		read[path] = m
		return m, nil
	}
	for _, name := range sortedNames(r.config.Vats) {
		v := r.config.Vats[name]
		if ref, ok := r.named[name]; ok {
			if v.Path, ok = r.specs[ref.bundle]; !ok {
				return r.failAt(ref.at, "vat %q: there is no bundle %q among the bundles", name, ref.bundle)
			}
		}
		var err error
		if v.Module, err = load(fmt.Sprintf("vat %q", name), v.Path); err != nil {
			return err
		}
		r.config.Vats[name] = v
	}
	// A bundle that no vat has is not used yet, as all vats are static, but a
	// path that leads nowhere is a mistake now.
	for _, name := range sortedNames(r.specs) {
		if _, err := load(fmt.Sprintf("bundle %q", name), r.specs[name]); err != nil {
			return err
		}
	}
	return nil
}

func (r *configReader) module(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the module %s does not exist: %w", path, err)
	case err != nil:
		return nil, err
	case info.IsDir() && r.build == nil:
		return nil, fmt.Errorf("%s is a folder; the path of a module is expected", path)
	case info.IsDir():
		return r.build(path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return os.ReadFile(path)
}

// parameters encodes a vat's parameters.
func (v *Vat) parameters() (capdata.CapData, error) {
	if v.Parameters == nil {
		return capdata.CapData{Body: []byte("#{}")}, nil
	}
	return capdata.Encode[capdata.Vref](v.Parameters)
}

// Genesis is what a kernel is born with under c, for hosts that put their own
// store or workers under kernel.Initialize. Start does all of it.
func (c *Config) Genesis() (kernel.Genesis, error) {
	g := kernel.Genesis{ConsensusMode: c.ConsensusMode, DefaultGasLimit: c.DefaultGasLimit, Bootstrap: c.Bootstrap}
	for _, name := range sortedNames(c.Vats) {
		v := c.Vats[name]
		p, err := v.parameters()
		if err != nil {
			return g, fmt.Errorf("parameters of vat %q: %w", name, err)
		}
		g.Vats = append(g.Vats, kernel.VatConfig{Name: name, Module: v.Module, Parameters: p, Options: v.options()})
	}
	return g, nil
}

// checkModules refuses a module before there is a file that it could be in, and
// names where it is from.
func (c *Config) checkModules() error {
	checked := map[[sha256.Size]byte]bool{}
	for _, name := range sortedNames(c.Vats) {
		v := c.Vats[name]
		hash := sha256.Sum256(v.Module)
		if checked[hash] {
			continue
		}
		checked[hash] = true
		if _, err := CheckModule(v.Module); err != nil {
			return fmt.Errorf("vat %q: %s%w", name, pathPrefix(v.Path), err)
		}
	}
	return nil
}

func (v *Vat) options() kernel.VatOptions {
	if v.Options == nil {
		return DefaultVatOptions()
	}
	return *v.Options
}

// pathPrefix is a path before a message, or nothing.
func pathPrefix(path string) string {
	if path == "" {
		return ""
	}
	return path + ": "
}
