-- KEYS: the record. ARGV: new expiry, now. What is gone stays gone.
if is_live(KEYS[1], ARGV[2]) then
  redis.call('HSET', KEYS[1], 'expires_at', ARGV[1])
  keep(KEYS[1], ARGV[1], '', '')
end
return answer('done')
