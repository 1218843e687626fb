package sqlitestore

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// background never ends, which the driver sees and then starts no goroutine.
var background = context.Background()

// maxScratch: the driver's fast path copies arguments to a buffer that it keeps
// for the statement's life. Larger values take its other path, which frees.
const maxScratch = 64 << 10

// statement is a prepared statement with its argument and row slices, which
// are used again by every call.
type statement struct {
	stmt *sqlite3.SQLiteStmt
	args []driver.NamedValue
	row  []driver.Value
}

// prepare compiles sql, which has args parameters ?1, ?2, ... and cols columns.
func prepare(conn *sqlite3.SQLiteConn, sql string, args, cols int) (*statement, error) {
	st, err := conn.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("%w in %s", err, sql)
	}
	q := &statement{stmt: st.(*sqlite3.SQLiteStmt), args: make([]driver.NamedValue, args), row: make([]driver.Value, cols)}
	if n := q.stmt.NumInput(); n != args {
		return nil, errors.Join(fmt.Errorf("%d parameters, not %d, in %s", n, args, sql), q.close())
	}
	for i := range q.args {
		q.args[i].Ordinal = i + 1
	}
	return q, nil
}

func (q *statement) close() error { return q.stmt.Close() }

// num sets parameter i, counted from 0, to an integer.
func (q *statement) num(i int, v uint64) { q.args[i].Value = int64(v) }

// blob sets parameter i to bytes; nil counts as empty. They are not kept after
// the statement has run.
func (q *statement) blob(i int, v []byte) {
	if v == nil {
		v = []byte{}
	}
	q.args[i].Value = v
}

// forget lets go of the caller's bytes.
func (q *statement) forget() {
	for i := range q.args {
		q.args[i].Value = nil
	}
}

// run runs a statement that returns no rows. A query is what the driver does
// in one crossing to C; its Exec crosses once an argument.
func (q *statement) run() error {
	for i := range q.args {
		if b, ok := q.args[i].Value.([]byte); ok && len(b) > maxScratch {
			_, err := q.exec()
			return err
		}
	}
	rows, err := q.stmt.QueryContext(background, q.args)
	q.forget()
	if err != nil {
		return err
	}
	// At its end a statement is reset by itself, so rows need no Close, which
	// would cross to C once more.
	switch err := rows.Next(nil); err {
	case io.EOF:
		return nil
	case nil:
		return errors.Join(errNotRun, rows.Close())
	default:
		return errors.Join(err, rows.Close())
	}
}

var errNotRun = errors.New("statement did not run to its end")

// exec is run on the driver's other path, which tells how many rows changed.
func (q *statement) exec() (changed int64, err error) {
	res, err := q.stmt.ExecContext(background, q.args)
	q.forget()
	if err != nil {
		return 0, err
	}
	if res == nil { // the driver found no code of an error
		return 0, errNotRun
	}
	return res.RowsAffected()
}

// rows starts a query. The caller closes the rows.
func (q *statement) rows() (driver.Rows, error) {
	rows, err := q.stmt.QueryContext(background, q.args)
	q.forget()
	return rows, err
}

// next steps to the next row, which it puts into q.row; false is the end.
func (q *statement) next(rows driver.Rows) (bool, error) {
	// Cleared, so that a step that sets nothing cannot pass for the last row.
	for i := range q.row {
		q.row[i] = nil
	}
	switch err := rows.Next(q.row); err {
	case nil:
		return true, nil
	case io.EOF:
		return false, nil
	default:
		return false, err
	}
}

// first runs a query for its first row, which it puts into q.row.
func (q *statement) first() (ok bool, err error) {
	rows, err := q.rows()
	if err != nil {
		return false, err
	}
	ok, err = q.next(rows)
	if e := rows.Close(); err == nil {
		err = e
	}
	return ok, err
}

// errColumn is what a column of the wrong type gives: a damaged schema.
var errColumn = errors.New("unexpected type in a column")

// int returns column i of the row.
func (q *statement) int(i int) (uint64, error) {
	v, ok := q.row[i].(int64)
	if !ok {
		return 0, fmt.Errorf("%w: %T for an integer", errColumn, q.row[i])
	}
	return uint64(v), nil
}

// bytes returns column i of the row, which is not nil. They are the caller's.
func (q *statement) bytes(i int) ([]byte, error) {
	v, ok := q.row[i].([]byte)
	if !ok || v == nil {
		return nil, fmt.Errorf("%w: %T for a blob", errColumn, q.row[i])
	}
	return v, nil
}

// each calls f at each row until f returns false or an error. The rows are
// closed even if f panics.
func (q *statement) each(f func() (bool, error)) (err error) {
	rows, err := q.rows()
	if err != nil {
		return err
	}
	defer func() {
		if e := rows.Close(); err == nil {
			err = e
		}
	}()
	for {
		ok, err := q.next(rows)
		if err != nil || !ok {
			return err
		}
		if ok, err = f(); err != nil || !ok {
			return err
		}
	}
}
