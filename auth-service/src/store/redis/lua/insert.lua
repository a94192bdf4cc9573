-- KEYS: the record. ARGV: expiry, user, client, then its fields and their values.
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1], unpack(ARGV, 4))
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'user', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'client', ARGV[3]) end
keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return answer('done')
