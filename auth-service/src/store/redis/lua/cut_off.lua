-- KEYS: the revocations. ARGV: now, name, target, issued_before, expiry.
cut_off(tonumber(ARGV[1]), unpack(ARGV, 2))
return answer('done')
