-- KEYS: the revocations. ARGV: now, name, target, issued_before, expiry.
free_to_write()
return answer(cut_off(tonumber(ARGV[1]), unpack(ARGV, 2)) and 'done' or 'more')
