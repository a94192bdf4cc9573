-- KEYS: the client. ARGV: now, then name, target, issued_before and expiry of the revocation of everything of it, then '1' once that has
-- begun: what has begun goes on, whatever becomes of the client meanwhile.
free_to_write()
if not ARGV[6] and not is_live(KEYS[1], ARGV[1]) then return answer('unknown') end
if not cut_off(tonumber(ARGV[1]), unpack(ARGV, 2, 5)) then return answer('more') end
forget(KEYS[1])
return answer('removed')
