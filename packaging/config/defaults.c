/* Writes a default configuration file from the tables that it is read by. */
#include "base/conf.h"
#include "base/num.h"
#include "conf.h"
#include "config.h"
#include "tables.h"
#include "tvsconf.h"
#include "vault/vault.h"
#include <stdio.h>
#include <string.h>

struct section {
	const char *head; /* as the file has it */
	const struct conf_row *rows;
	bool example;     /* it has an identifier of the administrator's choice */
};

#define MAX_SECTIONS 3

static const struct file {
	const char *name, *what, *page;
	struct section sections[MAX_SECTIONS + 1];
} files[] = {
	{"cluster.conf", "what the cluster is", "itlkeeper-cluster.conf(5)",
	 {{"[cluster]", cluster_rows, false}, {"[node n1]", cluster_node_rows, true}}},
	{"keyd.conf", "the process that holds the keys", "itlkeeper-keyd(8)",
	 {{"[token]", keyd_token_rows, false}, {"[keyd]", keyd_service_rows, false}}},
	{"front.conf", "the administrators' door, nodes and alerts",
	 "itlkeeper-front(8)",
	 {{"[door]", front_door_rows, false},
	  {"[nodes]", front_node_rows, false},
	  {"[alerts]", front_alert_rows, false}}},
	{"tvs.conf", "what answers phones that ask about certificates",
	 "itlkeeper-tvs(8)",
	 {{"[tvs]", tvs_rows, false}, {"[listener n1]", tvs_listener_rows, true}}},
	{"vault.conf", "where backups of the recovery key go",
	 "itlkeeper-vault.conf(5)", {{"[vault offsite]", vault_rows, true}}},
};

static void print_values(const struct conf_row *row)
{
	static const char *const yes_no[] = {"yes", "no", NULL};
	const char *const *names = row->type == CONF_BOOL ? yes_no : row->names;

	if (row->type == CONF_UINT)
		(void)printf(" (%u to %u)", row->min, row->max);
	for (size_t i = 0; names && names[i]; i++)
		(void)printf("%s%s%s", i ? ", " : " (", names[i],
			     names[i + 1] ? "" : ")");
}

static void print_section(const struct section *s)
{
	(void)printf("\n%s%s\n", s->example ? "#" : "", s->head);
	for (const struct conf_row *row = s->rows; row->key; row++) {
		(void)printf("\n# %s", row->help);
		print_values(row);
		(void)printf("%s\n#%s =%s%s\n", row->def ? "" : "; required",
			     row->key, row->def && *row->def ? " " : "",
			     row->def ? row->def : "");
	}
}

int main(int argc, char **argv)
{
	for (size_t i = 0; argc == 3 && i < COUNT_OF(files); i++) {
		const struct file *f = &files[i];

		if (strcmp(f->name, argv[1]) != 0)
			continue;
		if (!freopen(argv[2], "w", stdout)) {
			perror(argv[2]);
			return 1;
		}
		(void)printf("# %s: %s. %s\n#\n"
			     "# Every key stands here with its default; take the '#' away to set it.\n",
			     f->name, f->what, f->page);
		for (const struct section *s = f->sections; s->head; s++)
			print_section(s);
		return fflush(stdout) == 0 ? 0 : 1;
	}
	(void)fprintf(stderr, "usage: defaults NAME.conf FILE\n");
	return 2;
}
