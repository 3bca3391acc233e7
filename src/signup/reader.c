/*-------------------------------------------------------------------------
 *
 * reader.c
 *		Reads the XML documents of signup tokens as a stream (contract,
 *		section 10; DESIGN, "XML").
 *
 * The push parser of libxml2 gets the document in pieces and calls back with
 * elements and text.  A callback must not raise, because longjmp() would skip
 * the parser's own frames.  So it records the fault and stops the parser.
 * After each piece, we raise the fault or pass on the complete tokens.  Memory
 * is bounded by one piece and its tokens, whatever the size of the document.
 *
 * Nothing external is ever loaded.  A DOCTYPE is refused before it is read, so
 * there are only the five predefined entities; and core's entity loader, which
 * loads nothing, is installed.  Messages do not quote text of the document,
 * which could be a code.  For the same reason, libxml2's messages are not
 * shown.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/reader.c
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <libxml/chvalid.h>
#include <libxml/parser.h>

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/xml.h"

#include "signup/libxml.h"
#include "signup/signup.h"

#ifndef USE_LIBXML
#error "trainledger needs a PostgreSQL that is built with libxml2"
#endif

/* Bytes given to the parser at a time */
#define PIECE_BYTES			65536

/*
 * Longest unfinished tag, comment or processing instruction at the end of a
 * piece, in bytes; a longer one is refused.  libxml2 parses a tag only when it
 * is complete, then compares its attributes with each other, and cannot be
 * cancelled meanwhile.
 */
#define MARKUP_BYTES		65536

/* libxml2 detects the encoding from the first bytes */
#define FIRST_BYTES			4

#define NAME_CHARS \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* Depth of elements: Tokens, Token, and the elements of a token */
#define TOKENS_DEPTH		1
#define TOKEN_DEPTH			2
#define ELEMENT_DEPTH		3

#define NOT_WELL_FORMED		"not well-formed XML"
#define UNKNOWN_ENCODING	"an encoding that is not known"
#define WRONG_ENCODING		"bytes that are not valid in the encoding"
#define OVERLONG_MARKUP		"a tag, comment or other markup is too long"

/* The first fault of the document; its field "what" is NULL if none */
typedef struct Fault
{
	const char *what;
	int64		position;		/* of the token, 0 if outside tokens */
	SignupElement element;
	int64		line;
	char		named[SIGNUP_ID_CHARS + 1];	/* element or encoding to name */
} Fault;

typedef struct Reader
{
	xmlParserCtxtPtr parser;
	const char *document;		/* in UTF-8 if is_utf8, else as it declares */
	size_t		size;
	bool		is_utf8;
	bool		is_update;
	MemoryContext context;		/* of the complete tokens */

	int			depth;
	const xmlChar *namespace;	/* of the root; every element must have it */
	int64		position;		/* of the current token, from 1 */
	SignupElement element;		/* current element */
	bool		given[SIGNUP_ELEMENT_COUNT];
	SignupText	texts[SIGNUP_ELEMENT_COUNT];

	SignupToken *first;			/* complete tokens, in document order */
	SignupToken **end;
	bool		out_of_memory;
	Fault		fault;
} Reader;

/* ---------------------------------------------------------------------
 * Refusals
 * ---------------------------------------------------------------------
 */

/*
 * Raise a refusal of a document.  The message has the token's position (0 if
 * unknown: the line instead), the element (unless SIGNUP_NO_ELEMENT) and what
 * is wrong.  If detail is NULL, it is the line.
 */
void
tl_signup_refuse(int sqlerrcode, int64 position, int64 line,
				 SignupElement element, const char *what,
				 const char *detail, const char *hint)
{
	TlRefusal	refusal = {
		.sqlerrcode = sqlerrcode,
		.argument = "document",
		.hint = hint,
	};
	StringInfoData message;

	initStringInfo(&message);
	if (position > 0)
		appendStringInfo(&message, "token %lld", (long long) position);
	else
		appendStringInfo(&message, "line %lld", (long long) line);
	if (element != SIGNUP_NO_ELEMENT)
		appendStringInfo(&message, ", %s",
						 tl_signup_elements[element].element);
	appendStringInfo(&message, ": %s", what);

	refusal.message = message.data;
	refusal.detail = detail ? detail :
		psprintf("Line %lld of the document.", (long long) line);
	tl_raise(&refusal);
}

/* Record a fault, unless there is one already, and stop the parser. */
static void
note_fault(Reader *reader, int64 position, SignupElement element,
		   const char *what)
{
	if (reader->fault.what != NULL)
		return;
	reader->fault.what = what;
	reader->fault.position = position;
	reader->fault.element = element;
	reader->fault.line = 1;

	/* detection of the encoding can fail before we have the parser */
	if (reader->parser == NULL)
		return;
	if (reader->parser->input != NULL)
		reader->fault.line = reader->parser->input->line;
	xmlStopParser(reader->parser);
}

/* Record a fault in the content: not a valid document of tokens. */
static void
refuse(Reader *reader, SignupElement element, const char *what)
{
	note_fault(reader,
			   reader->depth >= TOKEN_DEPTH ? reader->position : 0,
			   element, what);
}

/* Record a fault in the form: not XML, or XML that we do not accept. */
static void
refuse_form(Reader *reader, const char *what)
{
	note_fault(reader, 0, SIGNUP_NO_ELEMENT, what);
}

/* The encoding that a document shows by a byte order mark, or as UTF-16 */
static const char *
shown_encoding(const char *document, size_t size)
{
	if (size >= 3 && memcmp(document, "\xEF\xBB\xBF", 3) == 0)
		return "UTF-8";
	if (size >= 2 && (memcmp(document, "\xFF\xFE", 2) == 0 ||
					  memcmp(document, "<\0", 2) == 0))
		return "UTF-16LE";
	if (size >= 2 && (memcmp(document, "\xFE\xFF", 2) == 0 ||
					  memcmp(document, "\0<", 2) == 0))
		return "UTF-16BE";
	return NULL;
}

/*
 * The encoding that the document declares or shows, else UTF-8; NULL outside
 * the root, where the parser may not have it yet.
 */
static const char *
encoding_name(const Reader *reader)
{
	const char *shown = shown_encoding(reader->document, reader->size);

	if (reader->parser != NULL && reader->parser->encoding != NULL)
		return (const char *) reader->parser->encoding;
	if (shown != NULL)
		return shown;
	return reader->depth > 0 ? "UTF-8" : NULL;
}

/* Record a fault of an encoding, whose name is shown if it can be one. */
static void
refuse_encoding(Reader *reader, const char *what, const char *name)
{
	bool		is_first = reader->fault.what == NULL;

	refuse_form(reader, what);
	if (is_first && name != NULL && strlen(name) <= SIGNUP_ID_CHARS &&
		name[strspn(name, NAME_CHARS "0123456789-._:")] == '\0')
		strlcpy(reader->fault.named, name, sizeof(reader->fault.named));
}

static void
raise_fault(const Reader *reader)
{
	const Fault *fault = &reader->fault;
	const char *what = fault->what;

	if (fault->named[0] != '\0')
		what = psprintf("%s \"%s\"", what, fault->named);
	tl_signup_refuse(TL_INVALID, fault->position, fault->line,
					 fault->element, what, NULL,
					 "A document has Tokens, in it Token, and in each the elements TokenId, TokenCode, TokenType, TokenTypeId, Active, MaximumActivations, TokenExpiration, each once at most.");
}

/* ---------------------------------------------------------------------
 * Tokens
 * ---------------------------------------------------------------------
 */

/*
 * Check which elements are given.  Returns what is wrong and sets *element, or
 * returns NULL.
 */
static const char *
find_missing(const Reader *reader, SignupElement *element)
{
	*element = SIGNUP_ID;
	if (reader->is_update)
		return reader->given[SIGNUP_ID] ? NULL : "missing";
	if (reader->given[SIGNUP_ID])
		return "not allowed, new tokens get their ids from the server";
	for (; *element < SIGNUP_ELEMENT_COUNT; ++*element)
	{
		if (tl_signup_elements[*element].is_needed && !reader->given[*element])
			return "missing";
	}
	return NULL;
}

/* Check a complete token and append it to the list. */
static void
end_token(Reader *reader)
{
	SignupToken *token;
	SignupElement element;
	const char *what = find_missing(reader, &element);

	if (what != NULL)
	{
		refuse(reader, element, what);
		return;
	}
	token = MemoryContextAllocExtended(reader->context, sizeof(SignupToken),
									   MCXT_ALLOC_NO_OOM | MCXT_ALLOC_ZERO);
	if (token == NULL)
	{
		reader->out_of_memory = true;
		xmlStopParser(reader->parser);
		return;
	}
	for (element = 0; element < SIGNUP_ELEMENT_COUNT; element++)
	{
		token->nulls[element] = true;
		if (!reader->given[element])
			continue;
		what = tl_signup_value(&reader->texts[element], element, token,
							   reader->context, &reader->out_of_memory);
		if (what != NULL)
		{
			refuse(reader, element, what);
			return;
		}
	}
	token->position = reader->position;
	token->line = reader->parser->input->line;
	*reader->end = token;
	reader->end = &token->next;
}

static void
start_token(Reader *reader)
{
	reader->position++;
	memset(reader->given, false, sizeof(reader->given));
}

static void
start_element(Reader *reader, const char *name)
{
	for (int i = 0; i < SIGNUP_ELEMENT_COUNT; i++)
	{
		if (strcmp(name, tl_signup_elements[i].element) != 0)
			continue;
		if (reader->given[i])
			refuse(reader, i, "there twice");
		reader->given[i] = true;
		reader->element = i;
		reader->texts[i].length = 0;
		reader->texts[i].is_overlong = false;
		return;
	}

	/* show the name only if it is short and of letters; it might be a code */
	if (strlen(name) <= SIGNUP_ID_CHARS &&
		name[strspn(name, NAME_CHARS)] == '\0')
		strlcpy(reader->fault.named, name, sizeof(reader->fault.named));
	refuse(reader, SIGNUP_NO_ELEMENT, "unknown element");
}

/* ---------------------------------------------------------------------
 * Callbacks of the parser; user_data is the Reader
 * ---------------------------------------------------------------------
 */

static void
on_start(void *user_data, const xmlChar *localname,
		 const xmlChar *prefix pg_attribute_unused(), const xmlChar *uri,
		 int nb_namespaces pg_attribute_unused(),
		 const xmlChar **namespaces pg_attribute_unused(),
		 int nb_attributes pg_attribute_unused(),
		 int nb_defaulted pg_attribute_unused(),
		 const xmlChar **attributes pg_attribute_unused())
{
	Reader	   *reader = (Reader *) user_data;
	const char *name = (const char *) localname;

	if (reader->fault.what != NULL)
		return;
	reader->depth++;
	if (reader->depth == TOKENS_DEPTH)
	{
		reader->namespace = uri;
		if (strcmp(name, "Tokens") != 0)
			refuse(reader, SIGNUP_NO_ELEMENT, "the root is not Tokens");
	}
	else if (!xmlStrEqual(uri, reader->namespace))
		refuse(reader, SIGNUP_NO_ELEMENT,
			   "an element of another namespace than Tokens");
	else if (reader->depth == TOKEN_DEPTH)
	{
		start_token(reader);
		if (strcmp(name, "Token") != 0)
			refuse(reader, SIGNUP_NO_ELEMENT, "an element that is not Token");
	}
	else if (reader->depth == ELEMENT_DEPTH)
		start_element(reader, name);
	else
		refuse(reader, reader->element, "has elements in it");
}

static void
on_end(void *user_data, const xmlChar *localname pg_attribute_unused(),
	   const xmlChar *prefix pg_attribute_unused(),
	   const xmlChar *uri pg_attribute_unused())
{
	Reader	   *reader = (Reader *) user_data;

	if (reader->fault.what != NULL)
		return;
	if (reader->depth == TOKEN_DEPTH)
		end_token(reader);
	/* after end_token(), which reports faults at the depth of the token */
	if (reader->fault.what == NULL)
		reader->depth--;
}

static void
on_characters(void *user_data, const xmlChar *chars, int length)
{
	Reader	   *reader = (Reader *) user_data;

	if (reader->fault.what != NULL)
		return;
	if (reader->depth == ELEMENT_DEPTH)
	{
		tl_signup_append(&reader->texts[reader->element],
						 (const char *) chars, length);
		return;
	}
	for (int i = 0; i < length; i++)
	{
		if (!xmlIsBlank_ch(chars[i]))
		{
			refuse(reader, SIGNUP_NO_ELEMENT, "text between the elements");
			return;
		}
	}
}

static void
on_doctype(void *user_data, const xmlChar *name pg_attribute_unused(),
		   const xmlChar *external_id pg_attribute_unused(),
		   const xmlChar *system_id pg_attribute_unused())
{
	refuse_form((Reader *) user_data,
				"a document type declaration is not allowed");
}

static void
on_error(void *user_data, TlXmlError error)
{
	Reader	   *reader = (Reader *) user_data;
	const char *message = error->message ? error->message : "";

	if (error->level < XML_ERR_ERROR)
		return;
	if (error->code == XML_ERR_UNSUPPORTED_ENCODING ||
		error->code == XML_ERR_UNKNOWN_ENCODING)
		refuse_encoding(reader, UNKNOWN_ENCODING, error->str1);
	else if (error->code == XML_ERR_INVALID_ENCODING ||
			 strncmp(message, "Input is not proper UTF-8", 25) == 0)
		refuse_encoding(reader, WRONG_ENCODING, encoding_name(reader));
	else
		refuse_form(reader, NOT_WELL_FORMED);
}

/* ---------------------------------------------------------------------
 * The document
 * ---------------------------------------------------------------------
 */

/* Raise what the callbacks recorded, or pass on the complete tokens. */
static void
hand_on(Reader *reader, SignupHandler handler, void *arg)
{
	MemoryContext caller = MemoryContextSwitchTo(reader->context);

	if (reader->out_of_memory)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (reader->fault.what != NULL)
		raise_fault(reader);
	for (SignupToken *token = reader->first; token; token = token->next)
		handler(token, arg);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(reader->context);
	reader->first = NULL;
	reader->end = &reader->first;
}

/* Bytes that the parser has, but cannot parse without more */
static ptrdiff_t
unread_bytes(const Reader *reader)
{
	const xmlParserInput *input = reader->parser->input;

	return input ? input->end - input->cur : 0;
}

/* Feed the document to the parser, a piece at a time. */
static void
read_pieces(Reader *reader, const char *document, size_t size,
			SignupHandler handler, void *arg)
{
	size_t		offset = Min(size, FIRST_BYTES);
	bool		is_last = false;

	while (!is_last)
	{
		size_t		length = Min(size - offset, PIECE_BYTES);
		int			status;

		CHECK_FOR_INTERRUPTS();
		is_last = offset + length == size;
		status = xmlParseChunk(reader->parser, document + offset, (int) length,
							   is_last);
		if (status != XML_ERR_OK && !reader->out_of_memory)
			refuse_form(reader, NOT_WELL_FORMED);
		if (unread_bytes(reader) > MARKUP_BYTES)
			refuse_form(reader, OVERLONG_MARKUP);
		hand_on(reader, handler, arg);
		offset += length;
	}
	if (tl_xml_has_undecoded_bytes(reader->parser))
		refuse_encoding(reader, WRONG_ENCODING, encoding_name(reader));
	if (!reader->parser->wellFormed || !reader->parser->nsWellFormed)
		refuse_form(reader, NOT_WELL_FORMED);
	hand_on(reader, handler, arg);
}

/*
 * Convert a document to UTF-8 from a PostgreSQL encoding.  Returns NULL if it
 * is not valid there.  *size is in and out.
 */
static const char *
convert_document(const char *document, size_t *size, int encoding)
{
	Oid			conversion;
	size_t		room = *size * MAX_CONVERSION_GROWTH + 1;
	char	   *converted;

	if (encoding == PG_UTF8)
	{
		int			valid = pg_encoding_verifymbstr(PG_UTF8, document,
												   (int) *size);

		return valid == (int) *size ? document : NULL;
	}
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion) || room > INT_MAX)
		return NULL;
	converted = MemoryContextAllocHuge(CurrentMemoryContext, room);
	if (pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8,
									  (unsigned char *) document, (int) *size,
									  (unsigned char *) converted, (int) room,
									  true) != (int) *size)
		return NULL;
	*size = strlen(converted);
	return converted;
}

static bool
is_ascii(const char *document, size_t size)
{
	for (size_t i = 0; i < size; i++)
	{
		if (IS_HIGHBIT_SET(document[i]))
			return false;
	}
	return true;
}

/*
 * The document as the charset of its media type wants it read: in UTF-8 if
 * *is_utf8 is set, else as it declares.  A byte order mark counts for more than
 * the charset, and that for more than the declaration (RFC 7303).
 */
static const char *
apply_charset(Reader *reader, const char *document, size_t *size,
			  const char *charset, bool *is_utf8)
{
	const char *converted = NULL;

	*is_utf8 = false;
	if (shown_encoding(document, *size) != NULL)
		return document;
	if (pg_strcasecmp(charset, "us-ascii") == 0)
		converted = is_ascii(document, *size) ? document : NULL;
	else if (pg_strncasecmp(charset, "utf-16", strlen("utf-16")) != 0)
	{
		int			encoding = pg_char_to_encoding(charset);

		if (encoding < 0)
			refuse_encoding(reader, UNKNOWN_ENCODING, charset);
		else
			converted = convert_document(document, size, encoding);
	}
	if (converted == NULL)
		refuse_encoding(reader, WRONG_ENCODING, charset);
	if (reader->fault.what != NULL)
		raise_fault(reader);
	*is_utf8 = true;
	return converted;
}

/*
 * Read a document of new tokens or, if is_update, of changes to tokens, and
 * pass each token to the handler.  charset is that of its media type, or NULL.
 * Raises TL400 with the token's position and the element, or with the line.
 */
void
tl_read_signup_tokens(const char *document, size_t size, const char *charset,
					  bool is_update, SignupHandler handler, void *arg)
{
	static xmlSAXHandler callbacks = {
		.initialized = XML_SAX2_MAGIC,
		.internalSubset = on_doctype,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_characters,
		.cdataBlock = on_characters,
		.ignorableWhitespace = on_characters,
		.serror = on_error,
	};
	Reader	   *reader = palloc0(sizeof(Reader));
	PgXmlErrorContext *errors;

	if (size > (size_t) tl_xml_max_bytes)
		tl_refuse(NULL, TL_INVALID, "document", "document is too large",
				  "Send the tokens in several documents, or have trainledger.xml_max_bytes raised.",
				  "The document has %zu bytes and may have %d.",
				  size, tl_xml_max_bytes);

	reader->document = document;
	reader->size = size;
	reader->is_update = is_update;
	reader->end = &reader->first;
	reader->context = AllocSetContextCreate(CurrentMemoryContext,
											"signup tokens",
											ALLOCSET_DEFAULT_SIZES);
	if (charset != NULL)
		reader->document = apply_charset(reader, document, &reader->size,
										 charset, &reader->is_utf8);

	/* in this mode, core neither raises nor prints errors of libxml2 */
	errors = pg_xml_init(PG_XML_STRICTNESS_LEGACY);
	PG_TRY();
	{
		reader->parser = xmlCreatePushParserCtxt(&callbacks, reader,
												 reader->document,
												 Min(reader->size, FIRST_BYTES),
												 NULL);
		if (reader->fault.what != NULL)
			raise_fault(reader);
		if (reader->parser == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory")));
		(void) xmlCtxtUseOptions(reader->parser, XML_PARSE_NONET |
								 (reader->is_utf8 ? XML_PARSE_IGNORE_ENC : 0));
		read_pieces(reader, reader->document, reader->size, handler, arg);
	}
	PG_CATCH();
	{
		if (reader->parser != NULL)
			xmlFreeParserCtxt(reader->parser);
		pg_xml_done(errors, true);
		PG_RE_THROW();
	}
	PG_END_TRY();

	xmlFreeParserCtxt(reader->parser);
	pg_xml_done(errors, false);
	MemoryContextDelete(reader->context);
	pfree(reader);
}
