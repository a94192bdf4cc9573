-- KEYS: the revocations. ARGV: now, then name, target, issued_before, expiry for each.
free_to_write()
for i = 2, #ARGV, 4 do
  append(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], tonumber(ARGV[1]))
end
return answer('done')
