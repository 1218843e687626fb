// Package sqlitestore keeps a kernel's state in one SQLite file. It implements
// kernel.Store.
//
// Between commits the file holds exactly the last commit. What is flushed
// after it lies in one open transaction, which ends by Commit or is gone after
// Rollback, a crash or a kill at any moment. Commit returns when the disk has
// it (write-ahead log, synchronous=FULL).
//
//	s, err := sqlitestore.Open("kernel.db", &sqlitestore.Options{Create: true})
//	if err != nil {
//		return err
//	}
//	defer s.Close()
//
// SQLite is used through one connection of the driver and statements that are
// prepared once. The pool of database/sql, and contexts that can be cancelled,
// cost several times as much as the statements themselves.
//
// # After an error
//
// SQLite answers some errors (a full disk, an I/O error, no memory) by dropping
// the whole transaction, after which each further statement would commit by
// itself. Three things stand against it. After any error every method but
// Rollback and Close returns ErrRollbackFirst. An error that took the
// transaction along is an ErrTransactionLost. And a commit hook vetoes each
// commit that Commit did not ask for. Rollback makes the store usable again,
// unless it is poisoned: the file is damaged, or Commit could not write, and
// nobody knows what of it is on the disk. Then it must be closed and opened again.
//
// # Files and locks
//
// While it is open, FILE-wal (what was committed last), FILE-shm (its index)
// and FILE-lock lie beside the file; Close moves the log into the file and
// removes all three. After a crash they stay, belong to the database, and the
// next Open uses them. FILE-lock holds the pid of the one process that may
// write; the lock on it ends with the process. A copy of a database that is
// open needs FILE-wal too; "sqlite3 FILE '.backup COPY'" takes both.
//
// A Commit that finds the log longer than 16 MiB copies it back into the file.
// Only a reader that stays open for long keeps it from being used from its start
// again, so that it grows; once none does, it is cut to 32 MiB.
//
// The process must not open and close a database file by other means, such as
// os.Open, while a Store has it open: that drops SQLite's locks (see fcntl).
//
// # The file
//
// The header says application id 0x43524E4B ("CRNK") and, as user version, the
// number of this schema, 1. Krefs and vrefs are the integers of package
// capdata; vrefs from 2^63 on read as negative. Values (v, data) are blobs in the
// kernel's encoding.
//
//	table        key                                 kernel.Table
//	state        number                              TableState
//	vats         vat                                 TableVat
//	vat_state    vat                                 TableVatState
//	objects      kref                                TableObject
//	promises     kref                                TablePromise
//	settled      kref                                TableSettled
//	parked       kref, seq                           TableParked
//	queues       queue, seq                          TableQueue
//	clist        vat, kref (and unique: vat, vref)   TableCList
//	vatstore     vat, key                            TableVatstore
//	gc_actions   vat, action                         TableGCAction
//	transcripts  vat, incarnation, position
//	bundles      hash
//	host_words   word
//
// In gc_actions the action is (kind << 60 | kref).
//
// For people there are views with references as text: objects_text,
// promises_text, clist_text, gc_actions_text, transcripts_text.
//
//	$ sqlite3 -readonly kernel.db "SELECT * FROM clist_text WHERE vat = 'v3'"
//	v3|ko20|o+0
//	v3|kp40|p-60
package sqlitestore
