/*-------------------------------------------------------------------------
 *
 * module.c
 *		Loading of the library and its settings.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/base/module.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/guc.h"
#include "utils/memutils.h"

#include "base/trainledger.h"

TL_MODULE_MAGIC;

/* Settings */
char	   *tl_clock_setting = NULL;
char	   *tl_party_setting = NULL;
char	   *tl_homes_setting = NULL;
char	   *tl_log_key_file = NULL;
int			tl_xml_max_bytes;

void		_PG_init(void);

void
_PG_init(void)
{
	DefineCustomStringVariable("trainledger.clock",
							   "Sets the business time of trainledger.",
							   "Empty: the wall time of the statement. For tests, demonstrations and replays.",
							   &tl_clock_setting,
							   "",
							   PGC_SUSET, 0,
							   tl_check_clock, tl_assign_clock, NULL);
	DefineCustomStringVariable("trainledger.party_id",
							   "Names the party that is asking, where no JSON web token does.",
							   NULL,
							   &tl_party_setting,
							   "",
							   PGC_USERSET, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("trainledger.xml_max_bytes",
							"Sets the size of the largest XML document that is read.",
							NULL,
							&tl_xml_max_bytes,
							64 * 1024 * 1024, 1024, MaxAllocSize,
							PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomStringVariable("trainledger.log_key_file",
							   "Sets the file with the key that signs checkpoints of the log.",
							   "An Ed25519 key in PEM, on the server.",
							   &tl_log_key_file,
							   "",
							   PGC_SUSET, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("trainledger.homes",
							   "Sets the homes whose parties' rows this database keeps.",
							   "The text of an int4multirange; there are homes 0 to 1023.",
							   &tl_homes_setting,
							   "{[0,1024)}",
							   PGC_SUSET, 0,
							   tl_check_homes, tl_assign_homes, NULL);
	MarkGUCPrefixReserved("trainledger");
}
