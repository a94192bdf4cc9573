-- KEYS: the client. ARGV: now, expiry, digest of its registration token (or an empty text), record. What is gone stays gone.
if not is_live(KEYS[1], ARGV[1]) or redis.call('HGET', KEYS[1], 'registration') ~= ARGV[3] then
  return answer('unknown')
end
redis.call('HSET', KEYS[1], 'expires_at', ARGV[2], 'record', ARGV[4])
keep(KEYS[1], ARGV[2], '', '')
return answer('replaced')
