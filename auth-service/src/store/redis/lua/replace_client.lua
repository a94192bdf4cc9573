-- KEYS: the client. ARGV: now, expiry, digest of its registration token (or an empty text), record. What is gone stays gone.
-- Consents to it are no longer remembered.
if not is_live(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'registration') ~= ARGV[3] then
  return answer('unknown')
end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2], 'record', ARGV[4])
keep(KEYS[1], ARGV[2], '', '')
local id = string.sub(KEYS[1], #(ROOT .. 'client:') + 1)
for _, key in ipairs(redis.call('ZRANGE', client_index(id), 0, -1)) do
  if string.sub(key, 1, #REMEMBERED) == REMEMBERED then forget(key) end
end
return answer('replaced')
