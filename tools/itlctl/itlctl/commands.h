/* The functions behind the table's rows, by the file that holds them. */
#ifndef ITLCTL_COMMANDS_H
#define ITLCTL_COMMANDS_H

#include "itlctl/ctl.h"

typedef enum rc command_fn(struct ctl *c, struct err *e) MUST_CHECK;

/* show.c */
command_fn show_itl, show_ctl;
/* status.c */
command_fn show_status;
/* overview.c */
command_fn show_cluster;
/* cert.c */
command_fn show_cert_own, show_cert_list;
/* regen.c */
command_fn set_cert_regen;
/* csr.c */
command_fn set_csr_gen, show_csr_own, set_cert_import;
/* keys.c */
command_fn key_list, key_remove;
/* reset.c */
command_fn reset_localkey;
/* ctlupdate.c */
command_fn ctl_update;
/* remote.c */
command_fn reset_remotekey;
/* rollback.c */
command_fn itl_rollback;
/* filetftp.c */
command_fn file_get_tftp;
/* backup.c */
command_fn show_backup;
/* alerts.c */
command_fn show_alerts;
/* service.c */
command_fn service_list, service_restart_tftp;
/* Restart a node's TFTP service, with its dialogue; json_decref() *result. *password:
 * the administrator's, for what --force overrides; if it is NULL and needed, it is asked
 * for, and left there for the next node. */
enum rc service_restart(struct ctl *c, const struct cluster_node *node,
			struct secret **password, json_t **result,
			struct err *e) MUST_CHECK;
/* init.c */
command_fn cluster_init;
/* node.c */
command_fn node_list, node_add, node_remove, node_rename, node_set;
/* clusterset.c */
command_fn cluster_publish, cluster_policy, cluster_domain;
/* password.c */
command_fn set_password_admin, set_password_security;
/* keytidy.c */
command_fn key_incomplete, key_tidy;
/* audit.c */
command_fn audit_verify_log;
/* auditshow.c */
command_fn audit_show, audit_export;
/* filecmd.c */
command_fn file_show, file_verify, file_diff, file_accept;
/* sign.c */
command_fn sign;
/* nodecheck.c */
command_fn node_check;
/* trust.c */
command_fn trust_add, trust_list, trust_remove;
/* session.c */
command_fn session_node, session_help, session_exit;

#endif
