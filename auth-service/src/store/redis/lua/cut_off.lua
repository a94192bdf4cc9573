-- KEYS: the revocations. ARGV: now, name, target, issued_before, expiry.
free_to_write()
cut_off(tonumber(ARGV[1]), unpack(ARGV, 2))
return answer('done')
