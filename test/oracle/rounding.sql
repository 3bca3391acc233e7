-- Reference for round_amount(), in plain numeric arithmetic.
CREATE FUNCTION pg_temp.oracle_round(value numeric, scale integer, mode text)
	RETURNS numeric
	LANGUAGE sql IMMUTABLE
	RETURN CASE mode
		WHEN 'round' THEN sign(value)
			* floor(abs(value) * power(10::numeric, scale) + 0.5)
		WHEN 'floor' THEN floor(value * power(10::numeric, scale))
		WHEN 'ceil' THEN ceil(value * power(10::numeric, scale))
		WHEN 'half_even' THEN
			floor(value * power(10::numeric, scale))
			+ CASE sign(mod(abs(value * power(10::numeric, scale)
					- floor(value * power(10::numeric, scale))), 1) - 0.5)
				WHEN 1 THEN 1
				WHEN 0 THEN abs(mod(floor(value * power(10::numeric, scale)), 2))
				ELSE 0
			END
	END / power(10::numeric, scale);
