package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/crankcase/crankcase"
)

func checkCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check GUEST.wasm",
		Short: "Say whether a module would be accepted, and why not",
		Long: `Checks a module as "run" does before it starts a vat, and prints what is known
about it: what it imports, its memory, its size as it came and with the code
that counts gas. A module that is refused is exit status 1, with a message that
says where in the module the reason lies.`,
		Example: `  crankcase check alice.wasm
  crankcase check alice.wasm --json | jq -r '.imports[]'`,
		Args: arguments(1, "GUEST.wasm"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return check(args[0], asJSON, cmd.OutOrStdout())
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"wasm"}, cobra.ShellCompDirectiveFilterFileExt
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// moduleFacts are what check prints.
type moduleFacts struct {
	SHA256       string   `json:"sha256"`
	Bytes        int      `json:"bytes"`
	Instrumented int      `json:"instrumentedBytes"`
	Data         *int     `json:"dataBytes,omitempty"` // of the section crankcase.data
	MemoryMin    int      `json:"memoryPages"`
	MemoryMax    int      `json:"maxMemoryPages"`
	Functions    int      `json:"functions"`
	Imports      []string `json:"imports"`
}

func check(path string, asJSON bool, w io.Writer) error {
	module, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	m, err := crankcase.CheckModule(module)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	sum := sha256.Sum256(module)
	facts := moduleFacts{SHA256: hex.EncodeToString(sum[:]), Bytes: len(module), Instrumented: len(m.Code),
		MemoryMin: m.MemoryMin, MemoryMax: m.MemoryMax, Functions: m.Functions, Imports: m.Imports}
	if m.Data != nil {
		n := len(m.Data)
		facts.Data = &n
	}
	if asJSON {
		return printJSON(w, facts)
	}
	fmt.Fprintf(w, "%s is accepted\nSHA-256       %s\nsize          %d bytes\ninstrumented  %d bytes\nmemory        %d pages of 64 KiB at first, %d at most\nfunctions     %d\n",
		path, facts.SHA256, facts.Bytes, facts.Instrumented, facts.MemoryMin, facts.MemoryMax, facts.Functions)
	if facts.Data != nil {
		fmt.Fprintf(w, "data          %d bytes\n", *facts.Data)
	}
	for _, i := range facts.Imports {
		fmt.Fprintf(w, "imports       %s\n", i)
	}
	return nil
}
