// SPDX-License-Identifier: MIT
/* The job table of the catalog. Each change is on the disk when its function returns. */
#include "agent/catalog/jobs.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/catalog/statement.h"
#include "lib/base/text.h"

/**
 * jobs_record() - write the job of a volume, new or at another step
 * @job: its @begun stays as it was first recorded
 *
 * Return: 0 or -1.
 */
int jobs_record(struct catalog *catalog, const struct job *job, struct fault *f)
{
	const char *const text[] = { job->volume_id, job->kind, job->step,
				     job->made ? job->made : "" };
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"INSERT INTO job VALUES (?,?,?,?,?)"
				" ON CONFLICT (volume_id) DO UPDATE SET kind=excluded.kind,"
				" step=excluded.step, made=excluded.made",
				text, 4, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 5, job->begun);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	sqlite3_finalize(statement);
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "record", "a job in the catalog", f);
}

static void column_text(sqlite3_stmt *statement, int column, char *text, size_t size)
{
	snprintf(text, size, "%s", (const char *)sqlite3_column_text(statement, column));
}

/**
 * jobs_find() - the job of a volume
 * @ret: empty; for jobs_clear()
 *
 * Return: 1 when @ret is filled, 0 when the volume has no job, or -1.
 */
int jobs_find(struct catalog *catalog, const char *volume_id, struct job *ret, struct fault *f)
{
	sqlite3_stmt *statement;
	int r = statement_begin(catalog_db(catalog),
				"SELECT volume_id, kind, step, made, begun FROM job"
				" WHERE volume_id = ?",
				&volume_id, 1, &statement);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW) {
		column_text(statement, 0, ret->volume_id, sizeof(ret->volume_id));
		column_text(statement, 1, ret->kind, sizeof(ret->kind));
		column_text(statement, 2, ret->step, sizeof(ret->step));
		text_put(&ret->made,
			 text_format("%s", (const char *)sqlite3_column_text(statement, 3)));
		ret->begun = sqlite3_column_int64(statement, 4);
	}
	sqlite3_finalize(statement);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "read", "a job in the catalog", f);
}

/** jobs_clear() - free what @job owns, and empty it */
void jobs_clear(struct job *job)
{
	free(job->made);
	*job = (struct job){ 0 };
}

/**
 * jobs_forget_orphans() - delete the rows whose cluster has left the catalog, or never came into it
 *
 * An agent that was killed right after the end of a job has left its row. One that was killed right
 * before the row of a new cluster has left what was chosen for it.
 *
 * Return: 0 or -1.
 */
int jobs_forget_orphans(struct catalog *catalog, struct fault *f)
{
	int r = sqlite3_exec(catalog_db(catalog),
			     "DELETE FROM job WHERE volume_id NOT IN (SELECT volume_id FROM cluster);"
			     "DELETE FROM protection WHERE volume_id NOT IN (SELECT volume_id FROM cluster);"
			     "DELETE FROM reach WHERE volume_id NOT IN (SELECT volume_id FROM cluster)",
			     NULL, NULL, NULL);

	return r == SQLITE_OK ? 0 : catalog_failed(catalog, "forget", "a job in the catalog", f);
}

/** jobs_forget() - the job of a volume has ended; 0, also when it had none, or -1 */
int jobs_forget(struct catalog *catalog, const char *volume_id, struct fault *f)
{
	int r = statement_run(catalog_db(catalog), "DELETE FROM job WHERE volume_id = ?",
			      &volume_id, 1);

	return r == SQLITE_DONE ? 0 : catalog_failed(catalog, "forget", "a job in the catalog", f);
}
