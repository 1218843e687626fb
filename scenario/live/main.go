// Live plays scenarios here and on the oracle, the real SwingSet kernel, and
// compares the answers as text.
//
//	ORACLE=path/to/oracle go run ./scenario/live -seed 1 -n 100 [-misuse 0.05]
//	ORACLE=path/to/oracle go run ./scenario/live -seed 1 -scripts 100
//	ORACLE=path/to/oracle go run ./scenario/live FILE.json... FOLDER...
//
// With -n it lets the oracle's random.mjs write that many scenarios with their
// answers to a folder (-dir; a temporary one without it) and plays those. With -scripts
// it makes scenarios of its own, of random scripts, which try the language. A file
// that has NAME.expected.json beside it needs no oracle, unless -fresh is given. -print
// prints the answers of this side and compares nothing. It exits with 1 if an answer differs
// in a way that scenario.Differences does not name.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/runtime"
	"github.com/crankcase/crankcase/runtime/wazeroengine"
	"github.com/crankcase/crankcase/scenario"
)

func main() {
	bad, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "live:", err)
		os.Exit(1)
	}
	if bad > 0 {
		os.Exit(1)
	}
}

func run() (bad int, err error) {
	seed := flag.Int("seed", 1, "first seed")
	n := flag.Int("n", 0, "how many random scenarios")
	dir := flag.String("dir", "", "folder for the random scenarios")
	misuse := flag.Float64("misuse", 0.01, "probability of a fatal misuse in a random script")
	interpreter := flag.Bool("interpreter", false, "play on wazero's interpreter")
	fresh := flag.Bool("fresh", false, "ask the oracle even where an expected answer lies beside a file")
	scripts := flag.Int("scripts", 0, "how many scenarios of random scripts")
	onlyPrint := flag.Bool("print", false, "print the answers of this side")
	flag.Parse()
	oracle := os.Getenv("ORACLE")

	names, err := expand(flag.Args())
	if err != nil {
		return 0, err
	}
	if *n > 0 {
		if *dir == "" {
			if *dir, err = os.MkdirTemp("", "crankcase-live-"); err != nil {
				return 0, err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(*dir)) }()
		}
		if err := generate(oracle, *dir, *seed, *n, *misuse); err != nil {
			return 0, err
		}
		for i := *seed; i < *seed+*n; i++ {
			name := filepath.Join(*dir, fmt.Sprintf("r%d.json", i))
			if _, err := os.Stat(name); err == nil {
				names = append(names, name)
			} else {
				fmt.Fprintf(os.Stderr, "live: the oracle made no scenario of seed %d\n", i)
			}
		}
	}
	if len(names) == 0 && *scripts == 0 {
		return 0, errors.New("nothing to play: give files, folders, -n or -scripts")
	}
	engine, err := wazeroengine.New(wazeroengine.Config{Host: hostfuncs.HostFuncs(), Interpreter: *interpreter})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, engine.Close()) }()
	if *scripts > 0 {
		if bad, err = compareScripts(oracle, engine, *seed, *scripts); err != nil || len(names) == 0 {
			return bad, err
		}
	}
	same, meant := 0, 0
	for _, name := range names {
		got, err := play(name, engine)
		if *onlyPrint {
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			fmt.Print(got)
			continue
		}
		var want string
		if err == nil {
			want, err = expected(oracle, name, *fresh)
		}
		short := strings.TrimSuffix(filepath.Base(name), ".json")
		switch {
		case err != nil:
			bad++
			fmt.Printf("%s: %v\n", name, err)
		case got == want:
			same++
		case scenario.Differences[short] != "":
			meant++
		default:
			bad++
			fmt.Printf("%s: differs\n%s", name, parting(want, got))
		}
	}
	if !*onlyPrint {
		fmt.Printf("played %d: %d the same, %d different as meant, %d bad\n", len(names), same, meant, bad)
	}
	return bad, nil
}

// expand replaces folders by the scenarios in them.
func expand(args []string) (names []string, err error) {
	for _, a := range args {
		info, err := os.Stat(a)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			names = append(names, a)
			continue
		}
		err = filepath.WalkDir(a, func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".json") && !strings.HasSuffix(path, ".expected.json") {
				names = append(names, path)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return names, nil
}

// generate lets the oracle write scenarios. Its summary goes to standard error
// if it has something to tell.
func generate(oracle, dir string, seed, n int, misuse float64) error {
	if oracle == "" {
		return errors.New("ORACLE is not set: the path of the oracle's folder")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	cmd := exec.Command("node", "random.mjs", strconv.Itoa(seed), strconv.Itoa(n), "--dir", dir, "--misuse", strconv.FormatFloat(misuse, 'g', -1, 64))
	cmd.Dir = oracle
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("random.mjs: %w\n%s", err, out)
	}
	return nil
}

func play(name string, engine runtime.Engine) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	sc, err := scenario.Parse(string(text))
	if err != nil {
		return "", err
	}
	answer, err := scenario.Play(sc, engine)
	if err != nil {
		return "", err
	}
	return scenario.Show(answer) + "\n", nil
}

// expected is the answer beside the file, or what the oracle says now.
func expected(oracle, name string, fresh bool) (string, error) {
	if !fresh {
		text, err := os.ReadFile(strings.TrimSuffix(name, ".json") + ".expected.json")
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return string(text), err
		}
	}
	if oracle == "" {
		return "", errors.New("there is no expected answer, and ORACLE is not set")
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	cmd := exec.Command("node", "oracle.mjs", abs)
	cmd.Dir = oracle
	var why strings.Builder
	cmd.Stderr = &why
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("oracle: %w: %s", err, why.String())
	}
	return string(out), nil
}

// parting shows the lines of two answers between what they have in common at
// their start and end, a few of them.
func parting(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for len(w) > 0 && len(g) > 0 && w[0] == g[0] {
		w, g = w[1:], g[1:]
	}
	for len(w) > 0 && len(g) > 0 && w[len(w)-1] == g[len(g)-1] {
		w, g = w[:len(w)-1], g[:len(g)-1]
	}
	const most = 16
	var b strings.Builder
	for i, l := range append(slices.Clip(w[:min(len(w), most)]), g[:min(len(g), most)]...) {
		side := "  oracle "
		if i >= min(len(w), most) {
			side = "  here   "
		}
		b.WriteString(side + l + "\n")
	}
	return b.String()
}
