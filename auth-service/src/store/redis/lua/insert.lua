-- KEYS: the record. ARGV: expiry, user, client, then its fields and their values.
-- Redis looks at its memory before the first write only: that must be one that takes memory, or strangers could fill it.
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[1], unpack(ARGV, 4))
if ARGV[2] ~= '' then redis.call('HSET', KEYS[1], 'user', ARGV[2]) end
if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'client', ARGV[3]) end
keep(KEYS[1], ARGV[1], ARGV[2], ARGV[3])
return answer('done')
