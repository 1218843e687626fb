package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const longHelp = `Crankcase runs vats: isolated actors in the style of SwingSet, each a metered
WebAssembly guest. Each message is delivered in a crank that commits whole or
leaves no trace, and every machine that is given the same input reaches the
same state, bit for bit.

A configuration names the vats and their modules; "run" starts them in a
database, which is one file, and delivers messages to them. The same database
can be run again with more messages, at any time, after any interruption.`

const exitHelp = `Exit status:
  0    done
  1    refused before anything changed; the message names what is wrong
  3    kernel panic: nothing since the last commit is kept
  130  interrupted: what was done is committed`

func rootCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "crankcase",
		Short: "Run vats: metered WebAssembly actors with atomic, deterministic cranks",
		Long:  longHelp + "\n\n" + exitHelp,
		Example: `  crankcase check alice.wasm                             would the module be accepted?
  crankcase run crankcase.json                           start the vats, run until idle
  crankcase run crankcase.json --messages orders.jsonl   deliver messages as well
  crankcase send --db crankcase.db alice pay '["bob",5]' send one message
  crankcase status --db crankcase.db                     what is in the database?`,
		SuggestionsMinimumDistance: 2,
		SilenceErrors:              true,
		SilenceUsage:               true,
		Args:                       cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
	}
	cmd.SetFlagErrorFunc(flagError)
	cmd.AddCommand(runCommand(), sendCommand(), statusCommand(), dumpCommand(), paramsCommand(), checkCommand(), scenarioCommand())
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return fmt.Errorf("unknown command %q%s; see crankcase help", args[0], didYouMean(cmd.SuggestionsFor(args[0])))
	}
	return cmd
}

// arguments checks that a command got its arguments: between least and all of
// names.
func arguments(least int, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least {
			return fmt.Errorf("%s: %s is missing; see %s --help", cmd.CommandPath(), strings.Join(names[len(args):least], " "), cmd.CommandPath())
		}
		if len(args) > len(names) {
			return fmt.Errorf("%s: %q is one argument too many; see %s --help", cmd.CommandPath(), args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}

// flagError adds a suggestion to the error of a mistyped flag.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	hint := ""
	if errors.As(err, &unknown) {
		typed := unknown.GetSpecifiedName()
		var near []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if distance(typed, f.Name) <= 2 || strings.HasPrefix(f.Name, typed) {
				near = append(near, "--"+f.Name)
			}
		})
		hint = didYouMean(near)
	}
	return fmt.Errorf("%s: %w%s; see %s --help", cmd.CommandPath(), err, hint, cmd.CommandPath())
}

func didYouMean(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(near, " or ") + "?"
}

// distance is the number of single-byte edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// dbFlag is the flag of commands that work on a database alone.
func dbFlag(cmd *cobra.Command, db *string) {
	cmd.Flags().StringVar(db, "db", "", "the database `file` (required)")
	must(cmd.MarkFlagFilename("db", "db"))
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if *db == "" {
			return fmt.Errorf("%s: --db is missing: name the database file", cmd.CommandPath())
		}
		return nil
	}
}

// engineFlags are the flags of commands that run guests.
func engineFlags(cmd *cobra.Command, engine, cache *string) {
	cmd.Flags().StringVar(engine, "engine", "wazero", "what runs the guests: wazero (a compiler), wazero-interp (an interpreter, 40 to 90 times slower); the results are the same")
	cmd.Flags().StringVar(cache, "cache", "", "`folder` for compiled code (default: crankcase in the user's cache folder, - for none)")
	must(cmd.RegisterFlagCompletionFunc("engine", cobra.FixedCompletions([]string{"wazero", "wazero-interp"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.MarkFlagDirname("cache"))
}

// must is for what can only fail if this program is wrong.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
