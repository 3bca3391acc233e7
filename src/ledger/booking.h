/*-------------------------------------------------------------------------
 *
 * booking.h
 *		The number of a booking.
 *
 * Copyright (c) 2026, trainledger contributors
 *
 * src/ledger/booking.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef TL_BOOKING_H
#define TL_BOOKING_H

#include "postgres.h"


extern int64 tl_booking_no(void);

#endif							/* TL_BOOKING_H */
