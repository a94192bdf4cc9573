-- KEYS: the client. ARGV: now, expiry, digest of its registration token (or an empty text), record. What is gone stays gone.
-- Consents to it are no longer remembered: at most CUT of them go, and whoever asks goes on.
if not is_live(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'registration') ~= ARGV[3] then
  return answer('unknown')
end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2], 'record', ARGV[4])
keep(KEYS[1], ARGV[2], '', '')
local index = remembered_index(string.sub(KEYS[1], #(ROOT .. 'client:') + 1))
for _, key in ipairs(redis.call('ZRANGE', index, 0, CUT - 1)) do
  forget(key)
  -- Of a record that the server removed, nobody says whose it was.
  redis.call('ZREM', index, key)
end
return answer(redis.call('EXISTS', index) == 0 and 'replaced' or 'more')
