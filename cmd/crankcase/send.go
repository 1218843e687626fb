package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

type sendFlags struct {
	db, engine, cache string
	json              bool
}

func sendCommand() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send --db FILE VAT METHOD [JSON-ARGS]",
		Short: "Send one message to a vat's root and show how its result settled",
		Long: `Queues one message to the root object of a static vat, runs until there is
nothing to do, commits, and prints what the result settled with.

JSON-ARGS is an array in the smallcaps encoding, without references: "+5" is the
bigint 5, and a string that begins with one of ! to - gets a ! before it.

A rejection is an answer like any other: exit status 0. A result that has not
settled is kept, and "crankcase dump" shows it once it has.

` + exitHelp,
		Example: `  crankcase send --db crankcase.db alice balance
  crankcase send --db crankcase.db alice pay '["bob", 5]'
  crankcase send --db crankcase.db alice balance --json | jq -r .body`,
		Args: arguments(2, "VAT", "METHOD", "JSON-ARGS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.run(cmd.OutOrStdout(), cmd.ErrOrStderr(), args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	dbFlag(cmd, &f.db)
	engineFlags(cmd, &f.engine, &f.cache)
	cmd.Flags().BoolVar(&f.json, "json", false, "print one JSON object: promise, state, body, slots, text")
	return cmd
}

func (f *sendFlags) run(stdout, stderr io.Writer, args []string) error {
	if err := checkEngine(f.engine); err != nil {
		return err
	}
	vat, method := args[0], args[1]
	var list []byte
	if len(args) > 2 {
		list = []byte(args[2])
	}
	data, err := crankcase.EncodeCallJSON(method, list)
	if err != nil {
		return fmt.Errorf("JSON-ARGS: %w", err)
	}
	out := newScreen(stderr, 0)
	log, err := openEventLog("", out)
	if err != nil {
		return err
	}
	k, err := crankcase.Open(f.db, crankcase.Options{Engine: f.engine, CacheDir: f.cache, Logger: log.logger, Console: out.console})
	if err != nil {
		return refuse(err)
	}
	path := k.Path()
	err = f.send(k, vat, data, stdout, out)
	return ended(path, k, err, k.Close())
}

func (f *sendFlags) send(k *crankcase.Kernel, vat string, data capdata.KernelData, stdout io.Writer, out *screen) error {
	root, err := k.Root(vat)
	if err != nil {
		return refuse(vatError(k, err))
	}
	promise, err := k.Queue(root, data, kernel.QueueOptions{Watch: true})
	if err != nil {
		return err
	}
	signals := listen(out.interrupted)
	defer signals.close()
	played, err := k.Play(crankcase.PlayOptions{Stop: signals.stop, Cranked: func(c kernel.CrankInfo, _ int) { out.at(0, c.Number) }})
	out.done()
	if err != nil {
		return err
	}
	how, shown, err := howSettled(k, promise)
	if err != nil {
		return err
	}
	if how.State != string(kernel.PromiseUnresolved) {
		if err := errors.Join(k.Release(promise), k.Commit()); err != nil {
			return err
		}
	}
	switch {
	case f.json:
		err = printJSON(stdout, how)
	case how.State == string(kernel.PromiseUnresolved):
		_, err = fmt.Fprintf(stdout, "the result has not settled; it is kept as %v: see crankcase dump\n", promise)
	default:
		_, err = fmt.Fprintf(stdout, "%s\n%s\n", how.State, plain(shown))
	}
	if err == nil && played.Stopped {
		return errInterrupted
	}
	return err
}

// vatError adds which vats there are.
func vatError(k *crankcase.Kernel, err error) error {
	d, e := k.Dump()
	if e != nil {
		return errors.Join(err, e)
	}
	var names []string
	for _, v := range d.VatTables {
		if v.Static && !v.Ended {
			names = append(names, v.Name)
		}
	}
	return fmt.Errorf("%w; these live: %s", err, strings.Join(names, ", "))
}
