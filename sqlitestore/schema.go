package sqlitestore

import "github.com/crankcase/crankcase/kernel"

const (
	// applicationID is "CRNK", in the header of every database of ours.
	applicationID = 0x43524E4B
	// schemaVersion is the header's user_version. It counts changes of the SQL
	// schema only; what is inside values is the kernel's. A build opens its own
	// version. Whoever raises it must see to it that the new number is in the
	// file's header, by a checkpoint, before anything else is written: the
	// header is what an older build looks at.
	schemaVersion = 1
	// pageSize: a crank changes a few small rows, each in another tree, and
	// SAVEPOINT copies each page that it changes, and COMMIT writes it whole to
	// the log. Cranks measured slightly faster than with 4096; 1024 was faster
	// still, but would push ordinary messages to overflow pages.
	pageSize = 2048
)

// layout is how a kernel.Table lies in the file.
type layout struct {
	table kernel.Table
	name  string
	// a and b are the names of the key columns; b is empty where B is always 0.
	a, b string
}

// layouts lists the tables that differ in names only. TableCList and
// TableVatstore have columns of their own.
var layouts = []layout{
	{table: kernel.TableState, name: "state", a: "number"},
	{table: kernel.TableVat, name: "vats", a: "vat"},
	{table: kernel.TableVatState, name: "vat_state", a: "vat"},
	{table: kernel.TableObject, name: "objects", a: "kref"},
	{table: kernel.TablePromise, name: "promises", a: "kref"},
	{table: kernel.TableSettled, name: "settled", a: "kref"},
	{table: kernel.TableParked, name: "parked", a: "kref", b: "seq"},
	{table: kernel.TableQueue, name: "queues", a: "queue", b: "seq"},
	{table: kernel.TableGCAction, name: "gc_actions", a: "vat", b: "action"},
}

// ddl makes the table of l. A table with one key column is a rowid table: the
// key is the rowid, values of any size fit its leaves. One with two is a tree
// by both, so that what belongs together lies together.
func (l *layout) ddl() string {
	if l.b == "" {
		return "CREATE TABLE " + l.name + " (" + l.a + " INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT"
	}
	return "CREATE TABLE " + l.name + " (" + l.a + " INTEGER NOT NULL, " + l.b + " INTEGER NOT NULL, v BLOB NOT NULL, " +
		"PRIMARY KEY (" + l.a + ", " + l.b + ")) STRICT, WITHOUT ROWID"
}

// imported is the condition of the index of importers: a vref whose lowest
// three bits are 0 names an object that the kernel allocated (o-N). It must
// stand in the query as it stands in the index.
const imported = "(vref & 7) = 0"

// otherDDL makes what layouts does not list.
var otherDDL = []string{
	`CREATE TABLE clist (vat INTEGER NOT NULL, kref INTEGER NOT NULL, vref INTEGER NOT NULL, v BLOB NOT NULL,
		PRIMARY KEY (vat, kref)) STRICT, WITHOUT ROWID`,
	`CREATE UNIQUE INDEX clist_vref ON clist (vat, vref)`,
	`CREATE INDEX clist_importers ON clist (kref, vat) WHERE ` + imported,
	`CREATE TABLE vatstore (vat INTEGER NOT NULL, key BLOB NOT NULL, v BLOB NOT NULL,
		PRIMARY KEY (vat, key)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE transcripts (vat INTEGER NOT NULL, incarnation INTEGER NOT NULL, position INTEGER NOT NULL, data BLOB NOT NULL,
		PRIMARY KEY (vat, incarnation, position)) STRICT, WITHOUT ROWID`,
	`CREATE TABLE bundles (hash BLOB NOT NULL UNIQUE, code BLOB NOT NULL, data BLOB) STRICT`,
	`CREATE TABLE host_words (word TEXT NOT NULL PRIMARY KEY, v BLOB NOT NULL) STRICT, WITHOUT ROWID`,
}

// kref and vref write a reference as people do (ko20, o-50). An integer of a
// vref may be negative here: its index is what >> leaves of the 60 low bits.
const (
	krefText = `'k' || substr('opd', (kref & 3) + 1, 1) || (kref >> 2)`
	vrefText = `substr('opd', ((vref >> 1) & 3) + 1, 1) || iif(vref & 1, '+', '-') || iif(vref & 8, 'd', '') || ((vref >> 4) & 0xfffffffffffffff)`
)

// viewDDL makes the views for people. Nothing here reads them.
var viewDDL = []string{
	`CREATE VIEW objects_text AS SELECT ` + krefText + ` AS object, length(v) AS bytes FROM objects`,
	`CREATE VIEW promises_text AS SELECT ` + krefText + ` AS promise, length(v) AS bytes,
		kref IN (SELECT kref FROM settled) AS large, (SELECT count(*) FROM parked WHERE parked.kref = promises.kref) AS parked FROM promises`,
	`CREATE VIEW clist_text AS SELECT 'v' || vat AS vat, ` + krefText + ` AS kref, ` + vrefText + ` AS vref FROM clist`,
	`CREATE VIEW gc_actions_text AS SELECT vat, kind, ` + krefText + ` AS kref FROM
		(SELECT 'v' || vat AS vat, action >> 60 AS kind, action & 0xfffffffffffffff AS kref FROM gc_actions)`,
	`CREATE VIEW transcripts_text AS SELECT 'v' || vat AS vat, incarnation, count(*) AS deliveries, min(position) AS first,
		max(position) AS last, sum(length(data)) AS bytes FROM transcripts GROUP BY transcripts.vat, incarnation`,
}

// ddl returns all statements that make an empty database.
func ddl() []string {
	var all []string
	for i := range layouts {
		all = append(all, layouts[i].ddl())
	}
	all = append(all, otherDDL...)
	return append(all, viewDDL...)
}
