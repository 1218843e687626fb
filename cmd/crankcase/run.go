package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/sqlitestore"
)

// runFlags are the flags of run.
type runFlags struct {
	config, db, messages, engine, cache, worker, slog string
	maxCranks, commitEvery                            uint64
	json, result                                      bool
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run CONFIG",
		Short: "Start the vats of a configuration, or go on with them, and deliver messages",
		Long: `Starts the vats of CONFIG in a fresh database, or goes on with the one that is
there, delivers the messages, runs until there is nothing to do, and commits.

CONFIG is JSON in the shape of SwingSet's; paths are relative to its folder:

  {"consensusMode": false, "bootstrap": "alice",
   "vats": {
     "alice": {"bundleSpec": "alice.wasm", "parameters": {"coins": 5}},
     "bob":   {"bundleSpec": "bob.wasm", "creationOptions": {
       "enablePipelining": false, "critical": false, "onFault": "terminate",
       "reapInterval": 100, "reapGCKrefs": "never", "gasLimit": 50000000}}}}

A bundleSpec may also be the folder of a Go guest, which is built with the go
command. When all vats have started, the bootstrap vat gets
bootstrap({alice: root, bob: root}, {}).

A messages file has a JSON object a line:

  {"target": "alice", "method": "pay", "args": ["bob", 5]}

args is in the smallcaps encoding, without references. All of the file is
checked before anything runs. A message is queued exactly when there is nothing
else to do, and the database records how far it has come; so the result is the
same whatever --commit-every is, and however often a run is interrupted or
killed and started again. A file that begins with the lines that were consumed
goes on after them; any other file begins at its first line.

SIGINT (Ctrl-C) ends the run after the current crank and commits it: exit
status 130. Run the same command again to go on.

` + exitHelp,
		Example: `  crankcase run crankcase.json
  crankcase run crankcase.json --db /tmp/trial.db --messages orders.jsonl
  crankcase run crankcase.json --messages orders.jsonl --json | jq -r .activityHash
  crankcase run crankcase.json --engine wazero-interp --max-cranks 100`,
		Args: arguments(1, "CONFIG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.config = args[0]
			return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.db, "db", "", "the database `file` (default: beside CONFIG, with its name and the ending .db)")
	flags.StringVar(&f.messages, "messages", "", "a `file` of messages, one JSON object a line")
	engineFlags(cmd, &f.engine, &f.cache)
	flags.StringVar(&f.worker, "worker", "inprocess", "where guests run: inprocess is all that this version has")
	flags.Uint64Var(&f.maxCranks, "max-cranks", 0, "stop after `N` cranks; 0: when there is nothing to do")
	flags.Uint64Var(&f.commitEvery, "commit-every", crankcase.DefaultCommitEvery, "commit after every `N` cranks; a kill loses at most those, and the next run repeats them")
	flags.StringVar(&f.slog, "slog", "", "append a log of cranks, faults and consoles to a `file`, a JSON object a line")
	flags.BoolVar(&f.json, "json", false, "print one JSON object at the end instead of tables")
	flags.BoolVar(&f.result, "show-result", true, "print what the last message's result settled with")
	must(cmd.MarkFlagFilename("db", "db"))
	must(cmd.MarkFlagFilename("messages", "jsonl"))
	must(cmd.MarkFlagFilename("slog"))
	return cmd
}

// summary is what run --json prints.
type summary struct {
	*crankcase.Status
	MessagesSkipped int      `json:"messagesSkipped"`
	LastResult      *settled `json:"lastResult,omitempty"`
}

func (f *runFlags) check() error {
	if err := checkEngine(f.engine); err != nil {
		return err
	}
	switch f.worker {
	case "process":
		return fmt.Errorf("--worker process: not in this version; it has inprocess")
	case "inprocess":
	default:
		return fmt.Errorf("--worker %s: there is no such worker; this version has inprocess", f.worker)
	}
	if f.commitEvery == 0 {
		return fmt.Errorf("--commit-every 0: a whole number from 1 is expected")
	}
	if f.db == "" {
		f.db = strings.TrimSuffix(f.config, filepath.Ext(f.config)) + ".db"
	}
	return nil
}

// checkEngine refuses engines that this build does not have.
func checkEngine(name string) error {
	switch name {
	case "wazero", "wazero-interp":
		return nil
	case "wasmtime":
		return errors.New("--engine wasmtime: not in this build; it has wazero and wazero-interp")
	}
	return fmt.Errorf("--engine %s: there is no such engine; this build has wazero and wazero-interp", name)
}

func (f *runFlags) run(stdout, stderr io.Writer) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	config, err := crankcase.LoadConfig(f.config, crankcase.BuildGo(stderr))
	if err != nil {
		return err
	}
	var messages *crankcase.Messages
	lines := 0
	if f.messages != "" {
		if messages, err = crankcase.OpenMessages(f.messages, slices.Sorted(maps.Keys(config.Vats))); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, messages.Close()) }()
		lines = messages.Lines()
	}
	out := newScreen(stderr, lines)
	defer out.done()
	log, err := openEventLog(f.slog, out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.close()) }()

	k, err := crankcase.Start(f.db, config, crankcase.Options{Engine: f.engine, CacheDir: f.cache, Logger: log.logger, Console: log.console})
	if err != nil {
		log.undo()
		return refuse(err)
	}
	if err := k.CacheError(); err != nil && f.cache != "" {
		out.printf("crankcase: --cache: going on without: %v", err)
	}
	path := k.Path()
	played, err := f.play(k, messages, out, log)
	out.done()
	if err == nil {
		err = f.show(k, played, stdout)
	}
	return ended(path, k, err, k.Close())
}

// ended sorts what a run ended with.
func ended(path string, k *crankcase.Kernel, err, closing error) error {
	switch {
	case errors.Is(err, kernel.ErrPanic) && !k.Committed() && errors.Is(err, sqlitestore.ErrFull):
		return refuse(fmt.Errorf("%s: nothing was made: %w", path, err))
	case errors.Is(err, kernel.ErrPanic):
		return errors.Join(panicked{err, path}, closing)
	}
	return errors.Join(err, closing)
}

func (f *runFlags) play(k *crankcase.Kernel, messages *crankcase.Messages, out *screen, log *eventLog) (crankcase.Played, error) {
	signals := listen(out.interrupted)
	defer signals.close()
	return k.Play(crankcase.PlayOptions{
		Messages: messages, CommitEvery: f.commitEvery, MaxCranks: f.maxCranks, Stop: signals.stop,
		Cranked: func(c kernel.CrankInfo, lines int) {
			log.crank(c)
			out.at(lines, c.Number)
		},
		Note: func(text string) { out.printf("crankcase: %s", text) },
	})
}

// show prints what came of a run.
func (f *runFlags) show(k *crankcase.Kernel, played crankcase.Played, w io.Writer) error {
	status, err := k.Status()
	if err != nil {
		return err
	}
	s := summary{Status: status, MessagesSkipped: played.Skipped}
	shown := ""
	if played.Result != 0 {
		last, text, err := howSettled(k, played.Result)
		if err != nil {
			return err
		}
		s.LastResult, shown = &last, text
	}
	switch {
	case f.json:
		err = printJSON(w, s)
	default:
		printStatus(w, status)
		if s.MessagesSkipped > 0 {
			fmt.Fprintf(w, "%d messages skipped: their vats had ended\n", s.MessagesSkipped)
		}
		if f.result && s.LastResult != nil {
			fmt.Fprintf(w, "the last message's result is %s\n", s.LastResult.State)
			if shown != "" {
				fmt.Fprintln(w, plain(shown))
			}
		}
	}
	if err == nil && played.Stopped {
		return errInterrupted
	}
	return err
}
