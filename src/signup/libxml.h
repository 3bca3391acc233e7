/*-------------------------------------------------------------------------
 *
 * libxml.h
 *		Differences between versions of libxml2, 2.9 to 2.15.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/signup/libxml.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_LIBXML_H
#define TL_LIBXML_H

#include <libxml/parser.h>

/* 2.12: callbacks get errors that are const */
#if LIBXML_VERSION >= 21200
typedef const xmlError *TlXmlError;
#else
typedef xmlErrorPtr TlXmlError;
#endif

/*
 * Whether the parser was given bytes that are invalid in the document's
 * encoding.  Before 2.14 it does not report them after the root element: it
 * would silently leave them and the rest unread.
 */
static inline bool
tl_xml_has_undecoded_bytes(const xmlParserCtxt *parser)
{
#if LIBXML_VERSION < 21400
	const xmlParserInput *input = parser->input;
	const xmlParserInputBuffer *buffer = input ? input->buf : NULL;

	return buffer != NULL &&
		(buffer->error != 0 ||
		 (buffer->raw != NULL && xmlBufUse(buffer->raw) > 0));
#else
	return false;
#endif
}

#endif							/* TL_LIBXML_H */
