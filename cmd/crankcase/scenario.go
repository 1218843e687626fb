package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/scenario"
)

func scenarioCommand() *cobra.Command {
	var engine, cache string
	cmd := &cobra.Command{
		Use:   "scenario FILE.json",
		Short: "Play a scenario and print its answer",
		Long: `Plays a scenario on a fresh kernel in a temporary file, with puppets as vats,
and prints the answer: what the vats heard, and the kernel's tables. The answer
has the layout of SwingSet's oracle, so the two can be compared as text.`,
		Example: `  crankcase scenario gc.json
  crankcase scenario gc.json | diff - gc.expected.json`,
		Args: arguments(1, "FILE.json"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return playScenario(args[0], engine, cache, cmd.OutOrStdout())
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	engineFlags(cmd, &engine, &cache)
	return cmd
}

func playScenario(path, engine, cache string, w io.Writer) (err error) {
	if err := checkEngine(engine); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sc, err := scenario.Parse(string(text))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	e, err := crankcase.NewEngine(engine, cache)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	answer, err := scenario.Play(sc, e)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = io.WriteString(w, scenario.Show(answer)+"\n")
	return err
}
