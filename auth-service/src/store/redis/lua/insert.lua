-- KEYS: the record. ARGV: expiry, user, client, then its fields and their values.
put(KEYS[1], unpack(ARGV))
return answer('done')
