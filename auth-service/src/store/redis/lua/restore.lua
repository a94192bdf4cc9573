-- KEYS: the names. ARGV: now, '1' if what is there may go, the new epoch, then name, target, issued_before and expiry of a revocation, then
-- key, expiry, digest of the registration token and record of each client.
local is_empty = redis.call('ZCARD', KEYS[1]) == 0 and redis.call('XLEN', REVOCATIONS) == 0
if ARGV[2] ~= '1' and not is_empty then return answer('occupied') end
for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do forget(key) end
redis.call('DEL', KEYS[1], EXPIRY, USERS, REVOCATIONS, REVOKED)
-- The sequence goes on: a number never names two revocations.
redis.call('SET', ROOT .. 'epoch', ARGV[3])
append(ARGV[4], ARGV[5], ARGV[6], ARGV[7], tonumber(ARGV[1]))
for i = 8, #ARGV, 4 do
  redis.call('HSET', ARGV[i], 'expires_at', ARGV[i + 1], 'registration', ARGV[i + 2], 'record', ARGV[i + 3])
  keep(ARGV[i], ARGV[i + 1], '', '')
end
return answer('done')
