package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/hostfuncs"
	"github.com/crankcase/crankcase/kernel"
	"github.com/crankcase/crankcase/runtime/instrument"
)

// inspectCommand is a command that looks at a database.
func inspectCommand(cmd *cobra.Command, show func(v *crankcase.View, asJSON bool, w io.Writer) error) *cobra.Command {
	var db string
	var asJSON bool
	cmd.Args = arguments(0)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		v, err := crankcase.Look(db)
		if err != nil {
			return refuse(err)
		}
		return refuse(errors.Join(show(v, asJSON, cmd.OutOrStdout()), v.Close()))
	}
	cmd.Long += "\n\nIt only reads, also while another process runs the database: what it shows is\nthe last commit."
	cmd.ValidArgsFunction = cobra.NoFileCompletions
	dbFlag(cmd, &db)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

func statusCommand() *cobra.Command {
	return inspectCommand(&cobra.Command{
		Use:   "status --db FILE",
		Short: "Show the vats, the counters and the hashes of a database",
		Long: `Shows the vats with their deliveries and gas, why a vat has ended, how many
cranks there were, and two hashes. Databases with the same activity hash have
done the same; with the same state root they hold the same.`,
		Example: `  crankcase status --db crankcase.db
  crankcase status --db crankcase.db --json | jq '.vats[] | select(.alive | not)'`,
	}, func(v *crankcase.View, asJSON bool, w io.Writer) error {
		s, err := v.Status()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(w, s)
		}
		printStatus(w, s)
		return nil
	})
}

func paramsCommand() *cobra.Command {
	return inspectCommand(&cobra.Command{
		Use:   "params --db FILE",
		Short: "Show the consensus parameters of a database",
		Long: `Shows what a database was born with and cannot be changed: the behaviour, which
names the kernel's rules, the instrumenter and the gas prices; consensus mode;
and the limits that belong to them.`,
		Example: `  crankcase params --db crankcase.db
  crankcase params --db crankcase.db --json`,
	}, func(v *crankcase.View, asJSON bool, w io.Writer) error {
		p := params{v.Params(), hostfuncs.DefaultLimits(), instrument.DefaultLimits()}
		if asJSON {
			return printJSON(w, p)
		}
		printTable(w, "", table.Row{"parameter", "value"}, []table.Row{
			{"behaviour", p.Behaviour}, {"consensus mode", p.ConsensusMode}, {"gas of a crank", p.GasLimit},
			{"bytes of syscalls in a crank", p.MaxLog}, {"bytes of a body", p.Calls.MaxBody}, {"slots", p.Calls.MaxSlots},
			{"bytes of a vatstore key", p.Calls.MaxKey}, {"bytes of a vatstore value", p.Calls.MaxValue},
			{"bytes of a module", p.Modules.ModuleBytes}, {"pages of a guest's memory", p.Modules.MemoryPages},
		})
		return nil
	})
}

// params are a database's parameters and what its behaviour stands for.
type params struct {
	kernel.Params
	Calls   hostfuncs.Limits  `json:"callLimits"`
	Modules instrument.Limits `json:"moduleLimits"`
}

func dumpCommand() *cobra.Command {
	return inspectCommand(&cobra.Command{
		Use:   "dump --db FILE",
		Short: "Show the kernel's tables",
		Long: `Shows all of the kernel's tables, in the shape of SwingSet's dump(): vats,
c-lists with the R flag, objects with their counts, promises and how they
settled, queues, garbage-collection actions, vatstores.`,
		Example: `  crankcase dump --db crankcase.db
  crankcase dump --db crankcase.db --json | jq '.promises[] | select(.state == "unresolved")'`,
	}, func(v *crankcase.View, asJSON bool, w io.Writer) error {
		d, err := v.Dump()
		if err != nil {
			return err
		}
		if asJSON {
			return printJSON(w, d)
		}
		printDump(w, d)
		return nil
	})
}

// vatText is a vat as people name it.
func vatText(v kernel.VatID) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("v%d", v)
}

func dataText(d *kernel.DataDump) string {
	if d == nil {
		return ""
	}
	return plain(fmt.Sprintf("%s %v", d.Body, d.Slots))
}

func printDump(w io.Writer, d *kernel.Dump) {
	var vats, clists, objects, promises, actions, store []table.Row
	for _, v := range d.VatTables {
		state := "alive"
		if v.Ended {
			state = "ended: " + plain(v.Fault)
		}
		vats = append(vats, table.Row{vatText(v.Vat), v.Name, v.Incarnation, v.Deliveries, v.GasUsed, v.Dirt.Deliveries, v.Dirt.GCKrefs, state})
	}
	printTable(w, "vats", table.Row{"vat", "name", "incarnation", "deliveries", "gas", "dirt", "gc dirt", "state"}, vats)
	for _, c := range d.KernelTable {
		flag := "_"
		if c.Reachable {
			flag = "R"
		}
		clists = append(clists, table.Row{vatText(c.Vat), c.Kref, flag, c.Vref})
	}
	printTable(w, "c-lists", table.Row{"vat", "kref", "flag", "vref"}, clists)
	for _, o := range d.Objects {
		objects = append(objects, table.Row{o.Kref, vatText(o.Owner), o.Reachable, o.Recognizable})
	}
	printTable(w, "objects", table.Row{"kref", "owner", "reachable", "recognizable"}, objects)
	for _, p := range d.Promises {
		who := ""
		for _, s := range p.Subscribers {
			who += vatText(s) + " "
		}
		promises = append(promises, table.Row{p.Kref, p.State, p.RefCount, vatText(p.Decider), who, len(p.Queue), dataText(p.Data)})
	}
	printTable(w, "promises", table.Row{"kref", "state", "count", "decider", "subscribers", "waiting", "data"}, promises)
	for _, q := range []struct {
		title  string
		events []kernel.EventDump
	}{{"acceptance queue", d.AcceptanceQueue}, {"run-queue", d.RunQueue}} {
		var rows []table.Row
		for _, e := range q.events {
			what := e.Target
			if e.Type == "notify" {
				what = e.Promise
			}
			name := ""
			if what != 0 {
				name = what.String()
			}
			rows = append(rows, table.Row{e.Type, vatText(e.Vat), name, dataText(e.Data)})
		}
		printTable(w, q.title, table.Row{"type", "vat", "target", "data"}, rows)
	}
	for _, a := range d.GCActions {
		actions = append(actions, table.Row{vatText(a.Vat), a.Type, a.Kref})
	}
	printTable(w, "gc actions", table.Row{"vat", "type", "kref"}, actions)
	for _, s := range d.Vatstore {
		store = append(store, table.Row{vatText(s.Vat), shortBytes(s.Key), shortBytes(s.Value)})
	}
	printTable(w, "vatstore", table.Row{"vat", "key", "value"}, store)
	fmt.Fprintf(w, "reap queue %v, being cleaned up %v, next: vat v%d, object ko%d, promise kp%d\n",
		d.ReapQueue, d.Terminated, d.Next.Vat, d.Next.Object, d.Next.Promise)
}

// shortBytes shows the first bytes of a key or value.
func shortBytes(b []byte) string {
	const most = 60
	if len(b) > most {
		return fmt.Sprintf("%q... (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("%q", b)
}
