/*-------------------------------------------------------------------------
 *
 * note.c
 *		Signatures of checkpoints: Ed25519 with a key in a file of the server
 *		(C2SP signed-note).
 *
 * The key never enters the database, nor a message.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/log/note.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "fmgr.h"
#include "storage/fd.h"
#include "utils/builtins.h"

#include "base/trainledger.h"
#include "log/tree.h"

PG_FUNCTION_INFO_V1(tl_log_sign);
PG_FUNCTION_INFO_V1(tl_log_public_key);
PG_FUNCTION_INFO_V1(tl_log_check_signature);

#define PUBLIC_KEY_BYTES	32
#define SIGNATURE_BYTES		64

/* Refuses a passphrase, for which OpenSSL would ask the terminal */
static int
no_passphrase(char *buffer pg_attribute_unused(),
			  int size pg_attribute_unused(), int writes pg_attribute_unused(),
			  void *context pg_attribute_unused())
{
	return -1;
}

/* The private key that the setting names; free it with EVP_PKEY_free() */
static EVP_PKEY *
read_key(void)
{
	FILE	   *file;
	EVP_PKEY   *key;

	if (tl_log_key_file == NULL || *tl_log_key_file == '\0')
		ereport(ERROR,
				(errcode(TL_CONFLICT),
				 errmsg("no key to sign with"),
				 errdetail("The setting trainledger.log_key_file is empty."),
				 errhint("Set it to a file with an Ed25519 key in PEM, or add a signature from elsewhere with add_signature().")));
	file = AllocateFile(tl_log_key_file, "r");
	if (file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\": %m", tl_log_key_file),
				 errhint("The setting trainledger.log_key_file names it.")));
	key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	FreeFile(file);
	if (key == NULL || EVP_PKEY_base_id(key) != EVP_PKEY_ED25519)
	{
		EVP_PKEY_free(key);
		ereport(ERROR,
				(errcode(ERRCODE_CONFIG_FILE_ERROR),
				 errmsg("file \"%s\" has no Ed25519 key", tl_log_key_file),
				 errhint("Make one with: openssl genpkey -algorithm ed25519 -out FILE")));
	}
	return key;
}

static Datum
make_bytea(const uint8 *bytes, size_t length)
{
	bytea	   *made = palloc(VARHDRSZ + length);

	SET_VARSIZE(made, VARHDRSZ + length);
	memcpy(VARDATA(made), bytes, length);
	return PointerGetDatum(made);
}

/* log_sign(message text) returns bytea: the Ed25519 signature, 64 bytes */
Datum
tl_log_sign(PG_FUNCTION_ARGS)
{
	text	   *message = PG_GETARG_TEXT_PP(0);
	EVP_PKEY   *key = read_key();
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8		signature[SIGNATURE_BYTES];
	size_t		length = sizeof(signature);
	bool		is_signed;

	is_signed = context != NULL &&
		EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestSign(context, signature, &length,
					   (uint8 *) VARDATA_ANY(message),
					   VARSIZE_ANY_EXHDR(message)) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	if (!is_signed)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not sign with the key in file \"%s\"",
						tl_log_key_file)));
	PG_RETURN_DATUM(make_bytea(signature, length));
}

/*
 * log_public_key() returns bytea: the 32 bytes of the public key to the key in
 * the file; null if no file is set
 */
Datum
tl_log_public_key(PG_FUNCTION_ARGS pg_attribute_unused())
{
	uint8		bytes[PUBLIC_KEY_BYTES];
	size_t		length = sizeof(bytes);
	EVP_PKEY   *key;
	bool		is_read;

	if (tl_log_key_file == NULL || *tl_log_key_file == '\0')
		PG_RETURN_NULL();
	key = read_key();
	is_read = EVP_PKEY_get_raw_public_key(key, bytes, &length) == 1;
	EVP_PKEY_free(key);
	if (!is_read)
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not read the public key in file \"%s\"",
						tl_log_key_file)));
	PG_RETURN_DATUM(make_bytea(bytes, length));
}

/*
 * log_check_signature(message text, signature bytea, public_key bytea) returns
 * boolean: whether it is an Ed25519 signature of the message by this key
 */
Datum
tl_log_check_signature(PG_FUNCTION_ARGS)
{
	text	   *message = PG_GETARG_TEXT_PP(0);
	bytea	   *signature = PG_GETARG_BYTEA_PP(1);
	bytea	   *public_key = PG_GETARG_BYTEA_PP(2);
	uint8	   *raw_key = (uint8 *) VARDATA_ANY(public_key);
	size_t		raw_length = VARSIZE_ANY_EXHDR(public_key);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY   *key;
	bool		is_right;

	key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw_key,
									  raw_length);
	is_right = key != NULL && context != NULL &&
		EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1 &&
		EVP_DigestVerify(context, (uint8 *) VARDATA_ANY(signature),
						 VARSIZE_ANY_EXHDR(signature),
						 (uint8 *) VARDATA_ANY(message),
						 VARSIZE_ANY_EXHDR(message)) == 1;
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(key);
	PG_RETURN_BOOL(is_right);
}
